//! Tuned settings: every setting in which the sides differ.

mod cgroups;

use std::collections::{BTreeMap, BTreeSet};

use memtrace_core::{session::input::Zone, untrusted::Text};
use memtrace_trace::model::Meta;

/// Facts of one run about its host.
#[derive(Clone, Copy, Debug)]
pub struct RunFacts<'a> {
    /// The beginning of its trace.
    pub meta: &'a Meta,
    /// The zones at its first tick.
    pub zones: &'a [Zone],
}

/// A setting on one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SideValue {
    /// All runs of the side have it.
    All(String),
    /// No run of the side has read it.
    Unread,
    /// The runs of the side differ among themselves.
    Varies,
}

impl SideValue {
    /// The value for an output; `None` when it is not one value.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::All(value) => Some(value),
            Self::Unread | Self::Varies => None,
        }
    }
}

/// A setting in which the sides differ, or the runs of one side among themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuned {
    /// Name of the setting, such as `vm.swappiness` or `zone 0 Normal watermarks`.
    pub key: String,
    /// Value on each side.
    pub sides: Vec<SideValue>,
}

/// All settings that are not the same in all runs, by name; last the cgroups that only one side has.
#[must_use]
pub fn tuned(sides: &[Vec<RunFacts<'_>>]) -> Vec<Tuned> {
    let everywhere = cgroups::everywhere(sides);
    let others = cgroups::elsewhere(sides, &everywhere);
    let of_run = |run: &RunFacts<'_>| settings(run, &everywhere);
    let sides: Vec<Vec<BTreeMap<String, String>>> =
        sides.iter().map(|side| side.iter().map(of_run).collect()).collect();
    let mut keys: Vec<&String> = sides.iter().flatten().flat_map(BTreeMap::keys).collect();
    keys.sort();
    keys.dedup();
    let row =
        |key: &String| Tuned { key: key.clone(), sides: sides.iter().map(|side| side_value(side, key)).collect() };
    let differs = |tuned: &Tuned| {
        tuned.sides.contains(&SideValue::Varies) || tuned.sides.windows(2).any(|pair| pair[0] != pair[1])
    };
    keys.into_iter().map(row).filter(differs).chain(others).collect()
}

fn side_value(runs: &[BTreeMap<String, String>], key: &str) -> SideValue {
    let mut values = runs.iter().map(|run| run.get(key));
    match values.next().flatten() {
        Some(first) if values.all(|value| value == Some(first)) => SideValue::All(first.clone()),
        None if runs.iter().all(|run| !run.contains_key(key)) => SideValue::Unread,
        _ => SideValue::Varies,
    }
}

/// Everything that a person can set, by name. What was not read is absent.
fn settings(run: &RunFacts<'_>, cgroups: &BTreeSet<&Text>) -> BTreeMap<String, String> {
    let host = &run.meta.host;
    let text = |text: &Text| text.tty().to_string();
    let mut all = BTreeMap::new();
    for setting in host.sysctls.iter().chain(&host.settings).filter(|setting| !setting.is_statistic()) {
        if let Some(value) = &setting.value {
            all.insert(text(&setting.name), text(value));
        }
    }
    for swap in &host.swap {
        let value = format!("{}, {} bytes, priority {}", swap.kind.tty(), swap.size_bytes, swap.priority);
        all.insert(format!("swap {}", text(&swap.name)), value);
    }
    for cgroup in host.all_limits().filter(|cgroup| cgroups.contains(&cgroup.path)) {
        for limit in &cgroup.limits {
            if let Some(value) = &limit.value {
                all.insert(format!("{} {}", cgroup.path.tty(), limit.name.tty()), text(value));
            }
        }
    }
    for zone in run.zones.iter().filter(|zone| zone.high_pages > 0) {
        let value = format!("min {} low {} high {} pages", zone.min_pages, zone.low_pages, zone.high_pages);
        all.insert(format!("zone {} {} watermarks", zone.nid, zone.name.tty()), value);
    }
    all.insert("kernel".to_owned(), text(&host.kernel));
    if let Some(bytes) = host.memory_bytes {
        all.insert("memory".to_owned(), format!("{bytes} bytes"));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{RunFacts, SideValue, tuned};
    use memtrace_core::session::input::Zone;
    use memtrace_trace::model::{CgroupLimits, ClockReading, HostFacts, Meta, Setting, Setup};

    fn setting(name: &str, value: &str) -> Setting {
        Setting { name: name.into(), value: Some(value.into()) }
    }

    fn meta(swappiness: &str) -> Meta {
        let limits = vec![setting("memory.max", "1G")];
        Meta {
            recording: 1,
            segment: 0,
            run: 0,
            setup: Setup::default(),
            host: HostFacts {
                kernel: "6.18.0".into(),
                sysctls: vec![setting("vm.swappiness", swappiness), setting("vm.page-cluster", "3")],
                cgroup_limits: vec![CgroupLimits { id: 1, path: "/a\x1b[2J".into(), limits }],
                ..HostFacts::default()
            },
            clock: ClockReading::default(),
            baseline: Default::default(),
            nodes_from: Vec::new(),
            at_start: None,
            vmstat: Vec::new(),
            meminfo_bytes: Vec::new(),
            zones: Vec::new(),
            base: None,
        }
    }

    fn all(value: &str) -> SideValue {
        SideValue::All(value.to_owned())
    }

    #[test]
    fn only_what_differs_is_listed() {
        let (a, b) = (meta("60"), meta("1"));
        let zone = |min_pages| Zone {
            nid: 0,
            name: "Normal".into(),
            free_pages: 9,
            min_pages,
            low_pages: 2 * min_pages,
            high_pages: 3 * min_pages,
            managed_pages: 100,
        };
        let (low, high) = ([zone(10)], [zone(20)]);
        let side = |meta, zones| vec![RunFacts { meta, zones }; 2];
        let found = tuned(&[side(&a, low.as_slice()), side(&b, high.as_slice())]);
        let rows: Vec<_> = found.iter().map(|row| (row.key.as_str(), row.sides.clone())).collect();
        assert_eq!(
            rows,
            [
                ("vm.swappiness", vec![all("60"), all("1")]),
                (
                    "zone 0 Normal watermarks",
                    vec![all("min 10 low 20 high 30 pages"), all("min 20 low 40 high 60 pages")]
                ),
            ]
        );
    }

    #[test]
    fn runs_of_one_side_may_differ_and_what_was_not_read_is_said() {
        let (a, b, mut c) = (meta("60"), meta("1"), meta("60"));
        c.host.sysctls.remove(1);
        c.host.cgroup_limits.clear();
        let run = |meta| RunFacts { meta, zones: &[] };
        let found = tuned(&[vec![run(&a), run(&b)], vec![run(&c)]]);
        let find = |key: &str| found.iter().find(|row| row.key == key).map(|row| row.sides.clone());
        assert_eq!(find("vm.swappiness"), Some(vec![SideValue::Varies, all("60")]));
        assert_eq!(find("vm.page-cluster"), Some(vec![all("3"), SideValue::Unread]));
        assert_eq!(find("kernel"), None);
        assert_eq!(find("/a\\x1b[2J memory.max"), None, "a limit that one run did not read is no difference");
    }

    #[test]
    fn cgroups_of_one_side_alone_are_one_row_and_no_settings() {
        let pods = |names: &[&str]| {
            let mut meta = meta("60");
            let pod = |name: &&str| CgroupLimits {
                id: 0,
                path: format!("/pods/{name}").into(),
                limits: vec![setting("memory.max", "1G")],
            };
            meta.host.cgroup_limits.extend(names.iter().map(pod));
            meta
        };
        let (before, after) = (pods(&["a", "b", "same"]), pods(&["c", "d", "e", "f", "same"]));
        let run = |meta| RunFacts { meta, zones: &[] };
        let row = |found: &[super::Tuned]| found.iter().map(|row| row.sides.clone()).collect::<Vec<_>>();
        let found = tuned(&[vec![run(&before)], vec![run(&after)]]);
        assert_eq!(row(&found), [vec![all("2 (/pods/a, /pods/b)"), all("4 (/pods/c, /pods/d, /pods/e, ...)")]]);
        // A cgroup that has different limits on the two sides was tuned.
        let mut tuned_one = meta("60");
        tuned_one.host.cgroup_limits[0].limits = vec![setting("memory.max", "2G")];
        let found = tuned(&[vec![run(&before)], vec![run(&tuned_one)]]);
        assert_eq!(found[0].key, r"/a\x1b[2J memory.max");
        assert_eq!(row(&found)[1], [all("3 (/pods/a, /pods/b, /pods/same)"), all("none")]);
    }
}
