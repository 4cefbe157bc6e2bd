//! Which stalls are shown and counted in the tables. The host's exact totals are never filtered.

use memtrace_common::kind::StallKind;

use crate::event::Stall;

/// Paths of cgroups by id, as far as the caller has learnt them.
pub trait CgroupNames {
    /// The path below the mount of the memory hierarchy, such as `/system.slice/x.service`.
    fn path(&self, id: u64) -> Option<&[u8]>;
}

impl<B: AsRef<[u8]>> CgroupNames for std::collections::BTreeMap<u64, B> {
    fn path(&self, id: u64) -> Option<&[u8]> {
        self.get(&id).map(AsRef::as_ref)
    }
}

impl<B: AsRef<[u8]>, S: std::hash::BuildHasher> CgroupNames for std::collections::HashMap<u64, B, S> {
    fn path(&self, id: u64) -> Option<&[u8]> {
        self.get(&id).map(AsRef::as_ref)
    }
}

/// A pattern on a name or a path: literal, or with `*` for any bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<u8>);

impl Pattern {
    /// A pattern on a task name.
    #[must_use]
    pub fn name(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }

    /// A pattern on a cgroup path. A leading `/` may be left out; a trailing one means nothing.
    #[must_use]
    pub fn path(text: &str) -> Self {
        let rooted = if text.starts_with(['/', '*']) { text.to_owned() } else { format!("/{text}") };
        Self(rooted.trim_end_matches('/').as_bytes().to_vec())
    }

    /// The pattern as it is matched.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether a name fits as a whole.
    #[must_use]
    pub fn fits(&self, name: &[u8]) -> bool {
        glob(&self.0, name)
    }

    /// Whether a path fits. A pattern without `*` also takes all that lies below: `/a` takes `/a/b`, not `/ab`.
    #[must_use]
    pub fn fits_path(&self, path: &[u8]) -> bool {
        if self.0.contains(&b'*') {
            return glob(&self.0, path);
        }
        path.strip_prefix(self.0.as_slice()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    }
}

/// Whether `text` fits `pattern` as a whole, where `*` stands for any bytes, none included.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on when the text stops fitting: after the last star, one byte further in the text.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            retry = Some((p + 1, t));
            p += 1;
        } else if pattern.get(p) == text.get(t) {
            p += 1;
            t += 1;
        } else if let Some((after_star, from)) = retry {
            retry = Some((after_star, from + 1));
            p = after_star;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&b| b == b'*')
}

/// Which stalls match: those that fit one entry of each list that is not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Process ids.
    pub pids: Vec<u32>,
    /// Task names.
    pub comms: Vec<Pattern>,
    /// Cgroup paths.
    pub cgroups: Vec<Pattern>,
    /// Kinds of stall.
    pub kinds: Vec<StallKind>,
}

impl Filter {
    /// Whether every stall matches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pids.is_empty() && self.comms.is_empty() && self.cgroups.is_empty() && self.kinds.is_empty()
    }

    /// Whether a stall matches. A cgroup whose path is not known fits no pattern.
    #[must_use]
    pub fn matches(&self, stall: &Stall, names: &dyn CgroupNames) -> bool {
        let comm = stall.comm.bytes();
        (self.pids.is_empty() || self.pids.contains(&stall.pid))
            && (self.kinds.is_empty() || self.kinds.contains(&stall.kind))
            && (self.comms.is_empty() || self.comms.iter().any(|pattern| pattern.fits(comm)))
            && (self.cgroups.is_empty()
                || stall
                    .cgroup_id
                    .and_then(|id| names.path(id))
                    .is_some_and(|path| self.cgroups.iter().any(|pattern| pattern.fits_path(path))))
    }
}

#[cfg(test)]
mod tests {
    use super::{Pattern, glob};

    #[test]
    fn stars_stand_for_any_bytes() {
        for (pattern, text, fits) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("java", "java", true),
            ("java", "java2", false),
            ("kworker/*", "kworker/0:1", true),
            ("*sql*", "mysqld", true),
            ("a*b*c", "axxbyybzc", true),
            ("a*b*c", "axxbyybz", false),
            ("**a", "bba", true),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_path_takes_what_lies_below_it() {
        for (pattern, path, fits) in [
            ("/system.slice", "/system.slice", true),
            ("/system.slice/", "/system.slice/a.service", true),
            ("system.slice", "/system.slice/a.service", true),
            ("/system.slice", "/system.slice2", false),
            ("/system.slice/a.service", "/system.slice", false),
            ("/", "/anything", true),
            ("*/a.service", "/system.slice/a.service", true),
            ("/kubepods*", "/kubepods.slice/pod1/c", true),
        ] {
            assert_eq!(Pattern::path(pattern).fits_path(path.as_bytes()), fits, "{pattern} {path}");
        }
    }
}
