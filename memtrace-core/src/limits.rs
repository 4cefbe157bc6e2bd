//! The limits that apply to a memory cgroup: its own, and those of the cgroups above it.

use crate::{host_facts::CgroupLimits, untrusted::Text};

/// A value of a file of a cgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitValue {
    /// A size, in bytes.
    Bytes(u64),
    /// Number of times that something happened since the cgroup was created.
    Times(u64),
}

/// One cgroup: its path, and the values of its files, by file name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitLevel {
    /// Path of the cgroup.
    pub path: Text,
    /// Limits that are set, usage, and events of reaching a limit.
    pub values: Vec<(Text, LimitValue)>,
}

/// All limits that apply to a cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Id of the cgroup.
    pub id: u64,
    /// True when the limits are those at the beginning of a recording, not the current ones.
    pub recorded: bool,
    /// The cgroup itself, then those above it that have a limit.
    pub levels: Vec<LimitLevel>,
}

impl Limits {
    /// The limits at the beginning of a recording.
    #[must_use]
    pub fn of_recording(id: u64, path: &[u8], recorded: &[CgroupLimits]) -> Self {
        let level = |path: &[u8]| {
            let limits = recorded.iter().find(|cgroup| cgroup.path.raw() == path).map(|cgroup| &cgroup.limits);
            let value = |text: &Option<Text>| Some(LimitValue::Bytes(text.as_ref()?.borrowed().parse()?));
            let values = limits.into_iter().flatten().filter_map(|l| Some((l.name.clone(), value(&l.value)?)));
            LimitLevel { path: path.into(), values: values.collect() }
        };
        Self { id, recorded: true, levels: with_those_above(path, level) }
    }
}

/// The level of a cgroup, then those of the cgroups above it that have values.
pub fn with_those_above(path: &[u8], of: impl Fn(&[u8]) -> LimitLevel) -> Vec<LimitLevel> {
    let above = path.iter().enumerate().rev().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &path[..at.max(1)]);
    let above = above.filter(|above| *above != path).map(&of).filter(|level| !level.values.is_empty());
    [of(path)].into_iter().chain(above).collect()
}

#[cfg(test)]
mod tests {
    use super::{LimitLevel, LimitValue, Limits, with_those_above};
    use crate::host_facts::{CgroupLimits, Setting};

    #[test]
    fn a_limit_far_above_holds_too() {
        let limit = |path: &str, name: &str, value: &str| CgroupLimits {
            id: 0,
            path: path.into(),
            limits: vec![Setting { name: name.into(), value: Some(value.into()) }],
        };
        let recorded = [
            limit("/a", "memory.high", "1073741824"),
            limit("/a/b/c", "memory.max", "4096"),
            limit("/x", "memory.max", "1"),
        ];
        let limits = Limits::of_recording(7, b"/a/b/c", &recorded);
        let values = |limits: &Limits| limits.levels.iter().map(|level| level.values.clone()).collect::<Vec<_>>();
        let bytes = |name: &str, n| vec![(name.into(), LimitValue::Bytes(n))];
        assert_eq!(values(&limits), [bytes("memory.max", 4096), bytes("memory.high", 1 << 30)]);
        assert_eq!(values(&Limits::of_recording(7, b"/a/b", &recorded)), [vec![], bytes("memory.high", 1 << 30)]);
    }

    #[test]
    fn every_cgroup_up_to_the_root_is_asked_once() {
        let level = |path: &[u8]| LimitLevel { path: path.into(), values: vec![("x".into(), LimitValue::Times(1))] };
        let paths = |of: &[u8]| with_those_above(of, level).into_iter().map(|level| level.path).collect::<Vec<_>>();
        assert_eq!(paths(b"/a/b"), ["/a/b".into(), "/a".into(), "/".into()]);
        assert_eq!(paths(b"/"), ["/".into()]);
        assert_eq!(paths(b""), ["".into()]);
    }
}
