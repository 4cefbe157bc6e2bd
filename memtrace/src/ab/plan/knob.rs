//! A setting: from its name, as a person writes it, to its file.

use super::{
    allow::{CGROUP, Kind, SYS, SYSCTLS, ZRAM, partner},
    value::plain,
};

/// Location of a setting. All names except the path of a cgroup come from the allow-list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingFile {
    /// A file of `/proc/sys/vm`.
    Sysctl(&'static str),
    /// A file below `/sys`.
    Sys(&'static str),
    /// A file of the zram device with this number.
    Zram(u32, &'static str),
    /// A file of a memory cgroup.
    Cgroup {
        /// Path below the root of the hierarchy, such as `/web.slice`.
        path: String,
        /// The file.
        file: &'static str,
    },
}

/// A setting that may be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knob {
    /// Location.
    pub place: SettingFile,
    /// Kind of values that it takes.
    pub kind: Kind,
}

impl Knob {
    /// Reads a name: `vm.swappiness`, `lru_gen/enabled`, `zram0/mem_limit` or `cgroup:/web.slice:memory.high`.
    ///
    /// # Errors
    /// When the name is not on the allow-list, or its path or number is malformed; the text says what is expected.
    pub fn parse(name: &str) -> Result<Self, String> {
        if let Some(sysctl) = name.strip_prefix("vm.") {
            let found = SYSCTLS.into_iter().find(|(name, _)| *name == sysctl);
            let (name, kind) =
                found.ok_or_else(|| not_among(sysctl, "vm. settings", &SYSCTLS.map(|(name, _)| name)))?;
            return Ok(Self { place: SettingFile::Sysctl(name), kind });
        }
        if let Some(rest) = name.strip_prefix("cgroup:") {
            return cgroup(rest);
        }
        if let Some((number, file)) = name.strip_prefix("zram").and_then(|rest| rest.split_once('/')) {
            let (file, kind) = ZRAM
                .into_iter()
                .find(|(name, _)| *name == file)
                .ok_or_else(|| not_among(file, "settings of a zram device", &ZRAM.map(|(name, _)| name)))?;
            let plain_number = number.bytes().all(|byte| byte.is_ascii_digit()) && number.len() <= 4;
            let number = plain_number.then(|| number.parse().ok()).flatten();
            let number =
                number.ok_or_else(|| format!("`{}` is not a zram device: expected zram0, zram1...", plain(name)))?;
            return Ok(Self { place: SettingFile::Zram(number, file), kind });
        }
        match SYS.into_iter().find(|(short, ..)| *short == name) {
            Some((_, path, kind)) => Ok(Self { place: SettingFile::Sys(path), kind }),
            None => {
                let all = SYS.map(|(short, ..)| short).join(", ");
                Err(format!(
                    "`{}` is not a setting that memtrace can change: expected vm.NAME (a sysctl), \
                     cgroup:/PATH:memory.high (or another limit of a memory cgroup), zramN/mem_limit, {all}",
                    plain(name)
                ))
            }
        }
    }

    /// Name, as [`Knob::parse`] reads it.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.place {
            SettingFile::Sysctl(name) => format!("vm.{name}"),
            SettingFile::Sys(path) => {
                let found = SYS.into_iter().find(|(_, known, _)| known == path);
                found.map_or_else(String::new, |(short, ..)| short.to_owned())
            }
            SettingFile::Zram(number, file) => format!("zram{number}/{file}"),
            SettingFile::Cgroup { path, file } => format!("cgroup:{path}:{file}"),
        }
    }

    /// Name, for a person.
    #[must_use]
    pub fn shown(&self) -> String {
        plain(&self.name())
    }

    /// The setting that a write to this one zeroes, if there is one.
    #[must_use]
    pub fn partner(&self) -> Option<Self> {
        let SettingFile::Sysctl(name) = self.place else { return None };
        Self::parse(&format!("vm.{}", partner(name)?)).ok()
    }

    /// Reads `NAME=VALUE`. The value is in the form used for comparison.
    ///
    /// # Errors
    /// When the name or the value is wrong; the text says what is expected.
    pub fn assignment(text: &str, page_bytes: u64) -> Result<(Self, String), String> {
        // A path may hold `=`, a value does not.
        let (name, value) = text
            .rsplit_once('=')
            .ok_or_else(|| format!("`{}` has no value: expected NAME=VALUE, such as vm.swappiness=10", plain(text)))?;
        let knob = Self::parse(name.trim())?;
        let value = knob.kind.parse(value.trim(), page_bytes).map_err(|e| format!("{}: {e}", knob.shown()))?;
        Ok((knob, value))
    }
}

fn cgroup(rest: &str) -> Result<Knob, String> {
    let (path, file) = rest
        .rsplit_once(':')
        .ok_or_else(|| format!("`cgroup:{}` names no file: expected cgroup:/PATH:memory.high=512M", plain(rest)))?;
    let (file, kind) = CGROUP
        .into_iter()
        .find(|(name, _)| *name == file)
        .ok_or_else(|| not_among(file, "settings of a memory cgroup", &CGROUP.map(|(name, _)| name)))?;
    let parts = path.strip_prefix('/').map(|below| below.split('/'));
    let sane = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(char::is_control);
    if path.len() > 4096 || !parts.is_some_and(|mut parts| parts.all(sane)) {
        return Err(format!(
            "`{}` is not the path of a cgroup: expected a path below the root of the memory hierarchy, such as \
             /system.slice/web.service",
            plain(path)
        ));
    }
    Ok(Knob { place: SettingFile::Cgroup { path: path.to_owned(), file }, kind })
}

fn not_among(name: &str, what: &str, all: &[&str]) -> String {
    format!("`{}` is not among the {what} that memtrace can change: {}", plain(name), all.join(", "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Knob, SettingFile};

    #[test]
    fn names_come_back() {
        for name in [
            "vm.watermark_scale_factor",
            "vm.page-cluster",
            "lru_gen/enabled",
            "transparent_hugepage/enabled",
            "zram0/mem_limit",
            "cgroup:/web.slice/a b:memory.high",
            "cgroup:/odd:name=1:memory.limit_in_bytes",
        ] {
            assert_eq!(Knob::parse(name).unwrap().name(), name);
        }
        let (knob, value) = Knob::assignment("cgroup:/odd:name=1:memory.high=1M", 4096).unwrap();
        assert_eq!(knob.place, SettingFile::Cgroup { path: "/odd:name=1".to_owned(), file: "memory.high" });
        assert_eq!(value, "1048576");
        let partner = |name| Knob::parse(name).unwrap().partner().map(|knob| knob.name());
        assert_eq!(partner("vm.dirty_bytes").as_deref(), Some("vm.dirty_ratio"));
        assert_eq!((partner("vm.swappiness"), partner("ksm/run")), (None, None));
    }

    #[test]
    fn nothing_else_can_be_named() {
        for (text, expected) in [
            ("vm.swappiness", "NAME=VALUE"),
            ("vm.drop_caches=3", "not among"),
            ("vm.compact_memory=1", "not among"),
            ("vm.../../kernel/core_pattern=x", "not among"),
            ("vm./etc/passwd=x", "not among"),
            ("kernel.core_pattern=x", "not a setting"),
            ("/proc/sys/vm/swappiness=1", "not a setting"),
            ("transparent_hugepage/../ksm/run=1", "not a setting"),
            ("zram/mem_limit=1", "not a zram device"),
            ("zram0/../../x=1", "not among"),
            ("zram-1/mem_limit=1", "not a zram device"),
            ("zram0/reset=1", "not among"),
            ("cgroup:/web=1", "names no file"),
            ("cgroup:/web:cgroup.kill=1", "not among"),
            ("cgroup:/web:memory.reclaim=1G", "not among"),
            ("cgroup:/web/../..:memory.max=1G", "not the path of a cgroup"),
            ("cgroup:web:memory.max=1G", "not the path of a cgroup"),
            ("cgroup:/:memory.max=1G", "not the path of a cgroup"),
            ("cgroup::memory.max=1G", "not the path of a cgroup"),
            ("cgroup://web:memory.max=1G", "not the path of a cgroup"),
            ("cgroup:/a\x1b[2J:memory.max=1G", "not the path of a cgroup"),
            ("vm.swappiness=many", "whole number"),
            ("=1", "not a setting"),
            ("", "NAME=VALUE"),
        ] {
            let error = Knob::assignment(text, 4096).unwrap_err();
            assert!(error.contains(expected) && !error.contains('\x1b'), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_input_panics_or_leads_elsewhere(text in "(vm\\.|cgroup:|zram|)[/.:=a-z0-9\\PC]{0,40}") {
            if let Ok((knob, _)) = Knob::assignment(&text, 4096) {
                let name = knob.name();
                prop_assert!(!name.contains("/../") && !name.contains('\0'), "{name}");
                prop_assert_eq!(Knob::parse(&name).unwrap(), knob);
            }
        }
    }
}
