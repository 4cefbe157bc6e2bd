//! Limits of cgroups, checked one by one: finds new cgroups, removed ones, and limits that somebody changed. Pure.

use std::{
    collections::{BTreeMap, HashMap},
    hash::BuildHasher as _,
};

use foldhash::fast::FixedState;

use super::{News, differences};
use memtrace_core::{
    host_facts::{CgroupLimits, Setting, cgroups::CgroupChange},
    untrusted::Text,
};

/// Time after a cgroup was first seen during which the first limits set on it are a part of its creation, in ns.
const YOUNG_NS: u64 = 10_000_000_000;
/// Most removed cgroups whose limits are remembered, in case they come back.
const DEPARTED: usize = 1024;
/// Values of `Cgroups::seen` for a cgroup that existed at the start: not checked yet, and checked.
const NOT_LOOKED_AT: u64 = 0;
const OLD: u64 = 1;

/// All cgroups that were seen, by a hash of their path, and the limits of those that have one.
#[derive(Debug)]
pub(super) struct Cgroups {
    /// Time at which each was first seen, `CLOCK_MONOTONIC` in ns.
    seen: HashMap<u64, u64>,
    limits: BTreeMap<Text, Vec<Setting>>,
    departed: BTreeMap<Text, Vec<Setting>>,
    now_ns: u64,
    /// True when the list of limits at the start is cut: the first check of a cgroup that is not in it is then no news.
    was_cut: bool,
}

impl Cgroups {
    /// Begins with the cgroups that exist at the start, and the limits that the trace has of them.
    pub(super) fn new(there: impl Iterator<Item = Text>, recorded: &[CgroupLimits], was_cut: bool) -> Self {
        let limits = recorded.iter().map(|cgroup| (cgroup.path.clone(), cgroup.limits.clone())).collect();
        let there = there.chain(recorded.iter().map(|cgroup| cgroup.path.clone()));
        let seen = there.map(|path| (hash(&path), NOT_LOOKED_AT)).collect();
        Self { seen, limits, departed: BTreeMap::new(), now_ns: OLD + 1, was_cut }
    }

    /// Sets the time of the checks that follow, `CLOCK_MONOTONIC` in ns.
    pub(super) fn advance(&mut self, now_ns: u64) {
        self.now_ns = now_ns.max(OLD + 1);
    }

    /// Forgets cgroups that no longer exist, and takes unknown ones for new.
    pub(super) fn list(&mut self, there: impl Iterator<Item = Text>) {
        let mut seen: HashMap<u64, u64> = HashMap::new();
        for path in there.chain(self.limits.keys().cloned()) {
            let hash = hash(&path);
            seen.insert(hash, self.seen.get(&hash).copied().unwrap_or(self.now_ns));
        }
        self.seen = seen;
    }

    /// Checks the limits that are set on a cgroup. Changes of those named in `left_out` are recorded elsewhere.
    pub(super) fn look(&mut self, path: &Text, now: Vec<Setting>, left_out: &[Text], news: &mut News) {
        let first_seen = self.seen.entry(hash(path)).or_insert(self.now_ns);
        let is_first_look = *first_seen == NOT_LOOKED_AT;
        *first_seen = (*first_seen).max(OLD);
        let is_young = *first_seen > OLD && self.now_ns.saturating_sub(*first_seen) < YOUNG_NS;
        let before = self.limits.get(path).cloned().unwrap_or_default();
        if before == now {
            return;
        }
        if is_young {
            // A new value is a change if the cgroup came back under its name, or if it had its first limit already.
            let departed = self.departed.remove(path).unwrap_or_default();
            for known in [&departed, &before] {
                let again = differences(path, known, &now).filter(|c| c.before.is_some() && c.after.is_some());
                news.changes.extend(again.filter(|change| !left_out.contains(&change.name)));
            }
            news.cgroups.push(CgroupChange::Appeared(CgroupLimits { id: 0, path: path.clone(), limits: now.clone() }));
        } else if !(is_first_look && self.was_cut && before.is_empty()) {
            news.changes.extend(differences(path, &before, &now).filter(|change| !left_out.contains(&change.name)));
        }
        if now.is_empty() {
            self.limits.remove(path);
        } else {
            self.limits.insert(path.clone(), now);
        }
    }

    /// Removes a cgroup that no longer exists: its limits went with it.
    pub(super) fn gone(&mut self, path: &Text, news: &mut News) {
        self.seen.remove(&hash(path));
        if let Some(limits) = self.limits.remove(path) {
            if self.departed.len() < DEPARTED {
                self.departed.insert(path.clone(), limits);
            }
            news.cgroups.push(CgroupChange::Gone(path.clone()));
        }
    }

    /// Paths of the cgroups that have a limit.
    pub(super) fn limited(&self) -> impl ExactSizeIterator<Item = &Text> + Clone {
        self.limits.keys()
    }
}

fn hash(path: &Text) -> u64 {
    FixedState::default().hash_one(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn high(value: &str) -> Vec<Setting> {
        vec![Setting { name: "memory.high".into(), value: Some(value.into()) }]
    }

    /// Checks a cgroup in an interval of its own. Returns the changes as before and after, and true if the cgroup
    /// appeared.
    fn look(cgroups: &mut Cgroups, path: &str, now: Vec<Setting>) -> (Vec<[Option<Text>; 2]>, bool) {
        let mut news = News::default();
        cgroups.advance(cgroups.now_ns + S);
        cgroups.look(&path.into(), now, &[], &mut news);
        (news.changes.into_iter().map(|change| [change.before, change.after]).collect(), !news.cgroups.is_empty())
    }

    fn cgroups() -> Cgroups {
        let recorded = [CgroupLimits { id: 1, path: "/web".into(), limits: high("4096") }];
        Cgroups::new(["/web".into(), "/old".into()].into_iter(), &recorded, false)
    }

    #[test]
    fn a_limit_of_a_new_cgroup_is_no_change_and_one_of_an_old_cgroup_is() {
        let mut cgroups = cgroups();
        assert_eq!(look(&mut cgroups, "/web", high("4096")), (vec![], false));
        assert_eq!(look(&mut cgroups, "/web", high("1")), (vec![[Some("4096".into()), Some("1".into())]], false));
        assert_eq!(look(&mut cgroups, "/old", high("7")), (vec![[None, Some("7".into())]], false));
        assert_eq!(look(&mut cgroups, "/pod", high("5")), (vec![], true));
        let limits = [high("5"), vec![Setting { name: "memory.max".into(), value: Some("9".into()) }]].concat();
        assert_eq!(look(&mut cgroups, "/pod", limits), (vec![], true), "it is still being made");
        let changed = vec![[Some("5".into()), Some("6".into())]];
        assert_eq!(look(&mut cgroups, "/pod", high("6")), (changed, true), "it had its first limit");
        cgroups.advance(cgroups.now_ns + YOUNG_NS);
        assert_eq!(look(&mut cgroups, "/pod", high("8")), (vec![[Some("6".into()), Some("8".into())]], false));
    }

    #[test]
    fn a_limit_that_is_set_soon_after_the_cgroup_was_made_belongs_to_its_making() {
        let mut cgroups = cgroups();
        cgroups.list(["/web".into(), "/old".into(), "/pod".into(), "/late".into()].into_iter());
        assert_eq!(look(&mut cgroups, "/pod", vec![]), (vec![], false));
        assert_eq!(look(&mut cgroups, "/pod", high("5")), (vec![], true));
        cgroups.advance(cgroups.now_ns + YOUNG_NS);
        assert_eq!(look(&mut cgroups, "/late", high("5")), (vec![[None, Some("5".into())]], false));
    }

    #[test]
    fn a_cgroup_that_comes_back_is_new_and_its_other_limit_is_a_change() {
        for (again, change) in [("4096", vec![]), ("1", vec![[Some("4096".into()), Some("1".into())]])] {
            let mut cgroups = cgroups();
            let mut news = News::default();
            cgroups.gone(&"/web".into(), &mut news);
            cgroups.gone(&"/old".into(), &mut news);
            assert_eq!(news.cgroups, [CgroupChange::Gone("/web".into())], "a cgroup without limits is not reported");
            assert_eq!(look(&mut cgroups, "/web", high(again)), (change, true));
        }
    }

    #[test]
    fn what_the_list_of_the_start_had_no_room_for_is_no_change() {
        let mut cgroups = Cgroups { was_cut: true, ..cgroups() };
        assert_eq!(look(&mut cgroups, "/old", high("7")), (vec![], false));
        assert_eq!(look(&mut cgroups, "/old", high("8")), (vec![[Some("7".into()), Some("8".into())]], false));
    }
}
