//! Restores the original values, and reports the settings that were and were not restored.

use anyhow::Result;

use super::{
    files,
    plan::{
        Knob,
        journal::{Fate, Journal, Kept},
    },
    store::Store,
    write,
};

/// Result of the restoring.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Undone {
    /// Number of settings that have their original value again.
    pub(super) restored: usize,
    /// Settings that were left as they are, with the reason.
    pub(super) left: Vec<String>,
    /// Failures; the journal is kept for another try.
    pub(super) failed: Vec<String>,
}

impl Undone {
    /// True when everything is as it was.
    pub(super) fn is_clean(&self) -> bool {
        self.left.is_empty() && self.failed.is_empty()
    }

    /// Reports on stderr the settings that were not restored.
    pub(super) fn say(&self) {
        for line in self.left.iter().chain(&self.failed) {
            say!("{line}");
        }
        if !self.failed.is_empty() {
            say!("NOT all settings are restored. `sudo memtrace ab --restore` tries again");
        }
    }
}

/// Restores the settings of a journal, and removes the journal unless something failed.
pub(super) fn undo(store: &Store, journal: &Journal) -> Result<Undone> {
    let undone = if journal.boot_id == boot_id() {
        restore(&journal.kept)
    } else {
        let left = vec!["the host was rebooted after the experiment, which reset its settings".to_owned()];
        Undone { left, ..Undone::default() }
    };
    if undone.failed.is_empty() {
        store.forget()?;
    }
    Ok(undone)
}

fn restore(kept: &[Kept]) -> Undone {
    let mut undone = Undone::default();
    let mut due: Vec<(Knob, String)> = Vec::new();
    for kept in kept {
        let (name, first) = (kept.knob.shown(), kept.knob.kind.shown(&kept.first));
        match files::read(&kept.knob) {
            Err(e) => undone.failed.push(format!("{name} cannot be read: {e}; it was {first}")),
            Ok(shown) if shown.value.is_some() && shown.cgroup_inode != kept.cgroup_inode => {
                undone.left.push(format!("{name}: a new cgroup has this name; its limit is left as it is"));
            }
            Ok(shown) => match kept.fate(shown.value.as_deref()) {
                Fate::AsBefore => {}
                Fate::Gone => undone.left.push(format!("{name} no longer exists: there is nothing to restore")),
                Fate::Foreign(now) => undone.left.push(format!(
                    "{name} is now {}, set by another process: it is left as it is. It was {first} before",
                    kept.knob.kind.shown(&now)
                )),
                Fate::Restore => due.push((kept.knob.clone(), kept.first.clone())),
            },
        }
    }
    // A write to one of a coupled pair zeroes the other: writing the one that was in effect restores both.
    let is_done_by_partner = |knob: &Knob, first: &str| {
        let partner = knob.partner();
        first == "0" && due.iter().any(|(other, first)| Some(other) == partner.as_ref() && first != "0")
    };
    let writes: Vec<_> = due.iter().filter(|(knob, first)| !is_done_by_partner(knob, first)).cloned().collect();
    let failed = write::write_all(&writes);
    undone.restored = due.len() - failed.len().min(due.len());
    undone.failed.extend(failed);
    undone
}

/// ID of this boot: an experiment of another boot has nothing to restore.
pub(super) fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}
