//! Journal of an experiment: the facts needed to undo it, saved in a file before the first write.

use serde::{Deserialize, Serialize};

use super::knob::Knob;

/// Version of the file format.
const VERSION: u32 = 1;

/// A setting, its original value, and the values that an experiment may have written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The setting.
    pub knob: Knob,
    /// Value before the experiment.
    pub first: String,
    /// Values that the experiment may have written.
    pub written: Vec<String>,
    /// Inode of the cgroup, for a setting of a cgroup: a path with another inode is another cgroup.
    pub cgroup_inode: Option<u64>,
}

/// All changed settings, and the experiment that changed them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// Boot ID at the time of writing: settings do not outlive the boot.
    pub boot_id: String,
    /// Process that wrote the journal.
    pub pid: u32,
    /// Begin of the experiment, as RFC 3339.
    pub begun: String,
    /// The settings.
    pub kept: Vec<Kept>,
}

#[derive(Serialize, Deserialize)]
struct JournalFile {
    version: u32,
    boot_id: String,
    pid: u32,
    begun: String,
    settings: Vec<SettingFile>,
}

#[derive(Serialize, Deserialize)]
struct SettingFile {
    name: String,
    first: String,
    written: Vec<String>,
    cgroup_inode: Option<u64>,
}

impl Journal {
    /// Serializes the journal.
    ///
    /// # Errors
    /// None in practice: it is plain text.
    pub fn encode(&self) -> Result<String, serde_json::Error> {
        let settings = self.kept.iter().map(|kept| SettingFile {
            name: kept.knob.name(),
            first: kept.first.clone(),
            written: kept.written.clone(),
            cgroup_inode: kept.cgroup_inode,
        });
        let file = JournalFile {
            version: VERSION,
            boot_id: self.boot_id.clone(),
            pid: self.pid,
            begun: self.begun.clone(),
            settings: settings.collect(),
        };
        serde_json::to_string_pretty(&file).map(|text| text + "\n")
    }

    /// Parses a journal. Accepts only settings of the allow-list, with values of 1 to 256 plain characters.
    ///
    /// # Errors
    /// When the text is damaged, of another version, or names a setting or value that is not accepted.
    pub fn decode(text: &str) -> Result<Self, String> {
        let file: JournalFile = serde_json::from_str(text).map_err(|e| format!("it is damaged: {e}"))?;
        if file.version != VERSION {
            return Err(format!("its version is {}, but this memtrace reads version {VERSION}", file.version));
        }
        let kept = |setting: SettingFile| {
            let knob = Knob::parse(&setting.name)?;
            let sane = |value: &String| {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" +-_.".contains(&byte);
                !value.is_empty() && value.len() <= 256 && value.bytes().all(plain)
            };
            if !sane(&setting.first) || !setting.written.iter().all(sane) {
                return Err(format!("a value of {} is invalid", knob.shown()));
            }
            let SettingFile { first, written, cgroup_inode, .. } = setting;
            Ok(Kept { knob, first, written, cgroup_inode })
        };
        let kept = file.settings.into_iter().map(kept).collect::<Result<_, String>>()?;
        Ok(Self { boot_id: file.boot_id, pid: file.pid, begun: file.begun, kept })
    }
}

/// Treatment of a setting when an experiment is undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has its original value.
    AsBefore,
    /// The original value is written.
    Restore,
    /// Somebody else has set this value since, and it stays: the experiment did not write it.
    Foreign(String),
    /// It no longer exists.
    Gone,
}

impl Kept {
    /// Treatment of the setting, from its current value (`None`: it does not exist).
    #[must_use]
    pub fn fate(&self, now: Option<&str>) -> Fate {
        match now {
            None => Fate::Gone,
            Some(now) if now == self.first => Fate::AsBefore,
            Some(now) if self.written.iter().any(|written| written == now) => Fate::Restore,
            Some(now) => Fate::Foreign(now.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fate, Journal, Kept, Knob};

    fn kept(name: &str, first: &str, written: &[&str]) -> Kept {
        Kept {
            knob: Knob::parse(name).unwrap(),
            first: first.to_owned(),
            written: written.iter().map(|value| (*value).to_owned()).collect(),
            cgroup_inode: name.starts_with("cgroup").then_some(42),
        }
    }

    fn journal() -> Journal {
        Journal {
            boot_id: "3f".to_owned(),
            pid: 12,
            begun: "2026-11-24T13:05:00Z".to_owned(),
            kept: vec![
                kept("vm.lowmem_reserve_ratio", "256 256 32 0", &["256 256 16 0"]),
                kept("cgroup:/a \"b\"\\c:memory.high", "max", &["536870912"]),
                kept("transparent_hugepage/defrag", "defer+madvise", &["never"]),
            ],
        }
    }

    #[test]
    fn it_comes_back() {
        assert_eq!(Journal::decode(&journal().encode().unwrap()), Ok(journal()));
    }

    #[test]
    fn nothing_but_settings_gets_in() {
        let text = journal().encode().unwrap();
        for (from, to, words) in [
            ("vm.lowmem_reserve_ratio", "kernel.core_pattern", "not a setting"),
            ("vm.lowmem_reserve_ratio", "vm.drop_caches", "not among"),
            (":memory.high", "/../..:memory.high", "not the path"),
            ("256 256 32 0", "|/bin/sh", "is invalid"),
            ("\"max\"", "\"\"", "is invalid"),
            ("\"version\": 1", "\"version\": 2", "version is 2"),
            ("\"pid\": 12", "\"pid\": -1", "damaged"),
        ] {
            let error = Journal::decode(&text.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(words), "{to}: {error}");
        }
        for cut in 0..text.len() - 1 {
            if let Some(part) = text.get(..cut) {
                assert!(Journal::decode(part).is_err(), "{cut}");
            }
        }
    }

    #[test]
    fn what_somebody_else_set_stays() {
        let kept = kept("vm.swappiness", "60", &["60", "10"]);
        for (now, fate) in [
            (Some("60"), Fate::AsBefore),
            (Some("10"), Fate::Restore),
            (Some("77"), Fate::Foreign("77".to_owned())),
            (None, Fate::Gone),
        ] {
            assert_eq!(kept.fate(now), fate);
        }
    }
}
