//! Order in which settings are written: some are refused, or do harm, unless another one is written first.

use super::{
    allow::Kind,
    knob::{Knob, SettingFile},
};

/// A write that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The setting.
    pub knob: Knob,
    /// Current value; `None` when it could not be read.
    pub from: Option<String>,
    /// The value to write.
    pub to: String,
}

/// Sorts writes. Writes that raise a limit come first, so that no task is squeezed between an old limit and a new one.
/// In v1 the limit of memory and swap may never be below that of memory. `memory.high` only reclaims, so it is lowered
/// before `memory.max`, which also kills.
pub fn sort(writes: &mut [Write]) {
    writes.sort_by_key(|write| match is_lower(write) {
        false => (0, rank(&write.knob)),
        true => (1, -rank(&write.knob)),
    });
}

fn is_lower(write: &Write) -> bool {
    let bytes = |value: &str| value.parse().unwrap_or(u64::MAX);
    matches!(write.knob.kind, Kind::Limit(_)) && write.from.as_deref().map_or(u64::MAX, bytes) > bytes(&write.to)
}

/// Rank of a limit: limits are raised from the lowest rank on, and lowered from the highest.
fn rank(knob: &Knob) -> i32 {
    match knob.place {
        SettingFile::Cgroup { file: "memory.memsw.limit_in_bytes", .. } => 0,
        SettingFile::Cgroup { file: "memory.high", .. } => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::{Knob, Write, sort};

    fn order(changes: &[(&str, &str, &str)]) -> Vec<String> {
        let write = |(name, from, to): &(&str, &str, &str)| Write {
            knob: Knob::parse(name).unwrap(),
            from: Some((*from).to_owned()),
            to: (*to).to_owned(),
        };
        let mut writes: Vec<_> = changes.iter().map(write).collect();
        sort(&mut writes);
        writes.iter().map(|write| write.knob.name().rsplit(':').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn limits_go_up_from_outside_and_down_from_inside() {
        let (max, high) = ("cgroup:/a:memory.max", "cgroup:/a:memory.high");
        assert_eq!(order(&[(max, "200", "100"), (high, "150", "80")]), ["memory.high", "memory.max"]);
        assert_eq!(order(&[(high, "80", "150"), (max, "100", "max")]), ["memory.max", "memory.high"]);
        let (limit, memsw) = ("cgroup:/a:memory.limit_in_bytes", "cgroup:/a:memory.memsw.limit_in_bytes");
        assert_eq!(
            order(&[(limit, "100", "200"), (memsw, "100", "200")]),
            ["memory.memsw.limit_in_bytes", "memory.limit_in_bytes"]
        );
        assert_eq!(
            order(&[(memsw, "max", "100"), (limit, "max", "100")]),
            ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]
        );
        // One cgroup gives what another gets.
        let (a, b) = ("cgroup:/a:memory.low", "cgroup:/b:memory.max");
        assert_eq!(order(&[(a, "200", "100"), (b, "100", "200")]), ["memory.max", "memory.low"]);
    }
}
