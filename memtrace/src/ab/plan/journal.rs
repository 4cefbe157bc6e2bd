//! What must be known to undo an experiment, as it is kept in a file before the first write.

use serde::{Deserialize, Serialize};

use super::knob::Knob;

/// The version of the file.
const VERSION: u32 = 1;

/// A setting, what it was, and what an experiment may have made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Which.
    pub knob: Knob,
    /// Its value before the experiment.
    pub first: String,
    /// Values that the experiment gave it.
    pub written: Vec<String>,
    /// The inode of its cgroup, for one of a cgroup: another one of the same name is another cgroup.
    pub cgroup_inode: Option<u64>,
}

/// All of them, and whose they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// The boot in which it was written: settings do not outlive it.
    pub boot_id: String,
    /// The process that wrote it.
    pub pid: u32,
    /// When, as RFC 3339.
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
    /// Its text.
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

    /// Reads it. Only settings that may be changed at all can be named, and their values are those that one can have.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn decode(text: &str) -> Result<Self, String> {
        let file: JournalFile = serde_json::from_str(text).map_err(|e| format!("it is damaged: {e}"))?;
        if file.version != VERSION {
            return Err(format!("its version is {}, and this memtrace knows {VERSION}", file.version));
        }
        let kept = |setting: SettingFile| {
            let knob = Knob::parse(&setting.name)?;
            let sane = |value: &String| {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" +-_.".contains(&byte);
                !value.is_empty() && value.len() <= 256 && value.bytes().all(plain)
            };
            if !sane(&setting.first) || !setting.written.iter().all(sane) {
                return Err(format!("a value of {} is none", knob.shown()));
            }
            let SettingFile { first, written, cgroup_inode, .. } = setting;
            Ok(Kept { knob, first, written, cgroup_inode })
        };
        let kept = file.settings.into_iter().map(kept).collect::<Result<_, String>>()?;
        Ok(Self { boot_id: file.boot_id, pid: file.pid, begun: file.begun, kept })
    }
}

/// What becomes of a setting when all is undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is as it was.
    AsBefore,
    /// Its first value is written.
    Restore,
    /// It has a value that the experiment did not give it: somebody else set it since, and it stays.
    Foreign(String),
    /// It is not there any more.
    Gone,
}

impl Kept {
    /// What becomes of it, from its value now (`None`: it is not there).
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
            ("vm.lowmem_reserve_ratio", "kernel.core_pattern", "no setting"),
            ("vm.lowmem_reserve_ratio", "vm.drop_caches", "not among"),
            (":memory.high", "/../..:memory.high", "no path"),
            ("256 256 32 0", "|/bin/sh", "is none"),
            ("\"max\"", "\"\"", "is none"),
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
