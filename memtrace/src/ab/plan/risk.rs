//! Risks of a value, reported before anything is written. A value that could bring the host down is refused unless the
//! user passes `--allow-risky`.

use super::{
    knob::{Knob, SettingFile},
    schedule::Side,
    sides::Plan,
};

/// Facts of the host that risks depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// `MemTotal`; `None` when not read.
    pub memory_bytes: Option<u64>,
    /// Current usage of each item's cgroup, in the order of the items; `None` for other settings, and when not read.
    pub usage_bytes: Vec<Option<u64>>,
}

/// A risk to report before the experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Risk {
    /// Description in words.
    pub text: String,
    /// True when the value is refused without `--allow-risky`.
    pub refused: bool,
}

/// Risks of the values that a plan would write.
#[must_use]
pub fn risks(plan: &Plan, host: &Host) -> Vec<Risk> {
    let mut all: Vec<Risk> = Vec::new();
    for (at, item) in plan.items.iter().enumerate() {
        let usage_bytes = host.usage_bytes.get(at).copied().flatten();
        for side in [Side::A, Side::B] {
            let value = item.value(side);
            if *value == item.first {
                continue;
            }
            if let Some((refused, why)) = of_value(&item.knob, value, host.memory_bytes, usage_bytes) {
                let text = format!("{}={}: {why}", item.knob.shown(), item.knob.kind.shown(value));
                if !all.iter().any(|risk| risk.text == text) {
                    all.push(Risk { text, refused });
                }
            }
        }
    }
    all
}

/// Risk of a value: true when it is refused, and the reason; `None` when no risk is known.
fn of_value(knob: &Knob, value: &str, memory: Option<u64>, usage: Option<u64>) -> Option<(bool, String)> {
    let number = value.parse().unwrap_or(u64::MAX);
    let refused = |why: &str| Some((true, why.to_owned()));
    let said = |why: &str| Some((false, why.to_owned()));
    let share = |bytes: u64, percent: u64| memory.is_some_and(|memory| bytes > memory / 100 * percent);
    match &knob.place {
        SettingFile::Sysctl("min_free_kbytes") if share(number.saturating_mul(1024), 5) => {
            refused("more than 5 % of memory is kept free: tasks are OOM-killed while that much is unused")
        }
        SettingFile::Sysctl("min_free_kbytes") if number < 1024 => {
            refused("less than 1 MiB is kept for allocations that cannot wait: drivers and reclaim itself fail")
        }
        SettingFile::Sysctl("watermark_scale_factor") if number > 1000 => {
            refused("the watermarks are more than 10 % of memory apart: that much of it is almost always unused")
        }
        SettingFile::Sysctl("overcommit_memory") if number == 2 => refused(
            "allocations fail once the commit limit is reached, which may be at once (CommitLimit in /proc/meminfo)",
        ),
        SettingFile::Sysctl("panic_on_oom") if number > 0 => refused("the host panics when it runs out of memory"),
        SettingFile::Sysctl("vfs_cache_pressure") if number == 0 => {
            refused("dentries and inodes are never reclaimed: the host can run out of memory")
        }
        SettingFile::Sysctl("max_map_count") if number < 65_530 => {
            refused("processes with more mappings cannot add another, and crash")
        }
        SettingFile::Sysctl("page-cluster") if number > 6 => refused("each swap-in reads more than 64 pages at once"),
        SettingFile::Sysctl("swappiness") if number == 0 => {
            said("anonymous memory is hardly swapped at all: under pressure the file cache alone shrinks")
        }
        SettingFile::Sysctl("dirty_ratio") if number > 60 => {
            said("most of memory may be dirty: a writer's stall can last minutes")
        }
        SettingFile::Sysctl("dirty_bytes") if share(number, 60) => {
            said("most of memory may be dirty: a writer's stall can last minutes")
        }
        SettingFile::Cgroup { file: "memory.min", .. } if share(number, 50) && number != u64::MAX => {
            refused("more than half of memory is never reclaimed: tasks of other cgroups are OOM-killed instead")
        }
        SettingFile::Cgroup { file: "memory.max", .. } if usage.is_some_and(|usage| number < usage) => {
            said("less than the cgroup uses now: its tasks are OOM-killed if reclaim cannot free the difference")
        }
        SettingFile::Cgroup { file: "memory.limit_in_bytes", .. } if usage.is_some_and(|usage| number < usage) => {
            said("less than the cgroup uses now: the kernel refuses it if reclaim cannot free the difference")
        }
        SettingFile::Cgroup { file: "memory.high", .. } if usage.is_some_and(|usage| number < usage) => {
            said("less than the cgroup uses now: its tasks are slowed down until it fits")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Host, Plan, risks};
    use crate::ab::plan::sides::Present;

    fn of(set: &str, first: &str) -> Vec<(bool, String)> {
        let present = Present { value: first.to_owned(), cgroup_inode: None };
        let plan = Plan::new(&[set.to_owned()], &[], 4096, |_| Ok(present.clone())).unwrap();
        let host = Host { memory_bytes: Some(16 << 30), usage_bytes: vec![Some(600 << 20)] };
        risks(&plan, &host).into_iter().map(|risk| (risk.refused, risk.text)).collect()
    }

    #[test]
    fn what_could_bring_the_host_down_is_refused() {
        for (set, words) in [
            ("vm.min_free_kbytes=900000", "5 % of memory"),
            ("vm.min_free_kbytes=0", "1 MiB"),
            ("vm.watermark_scale_factor=2000", "10 %"),
            ("vm.overcommit_memory=2", "CommitLimit"),
            ("vm.panic_on_oom=1", "panics"),
            ("vm.vfs_cache_pressure=0", "never reclaimed"),
            ("vm.page-cluster=12", "64 pages"),
            ("cgroup:/a:memory.min=12G", "half of memory"),
        ] {
            let risks = of(set, "7");
            assert!(risks.len() == 1 && risks[0].0 && risks[0].1.contains(words), "{set}: {risks:?}");
            assert!(risks[0].1.starts_with(set), "{risks:?}");
        }
    }

    #[test]
    fn what_may_surprise_is_said() {
        for (set, words) in [
            ("cgroup:/a:memory.max=512M", "OOM-killed"),
            ("cgroup:/a:memory.limit_in_bytes=512M", "refuses"),
            ("cgroup:/a:memory.high=512M", "slowed"),
            ("vm.swappiness=0", "hardly swapped"),
        ] {
            let risks = of(set, "7");
            assert!(risks.len() == 1 && !risks[0].0 && risks[0].1.contains(words), "{set}: {risks:?}");
        }
        for set in
            ["vm.swappiness=10", "vm.min_free_kbytes=131072", "cgroup:/a:memory.max=1G", "cgroup:/a:memory.max=max"]
        {
            assert_eq!(of(set, "7"), [], "{set}");
        }
    }
}
