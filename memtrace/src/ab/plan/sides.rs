//! The two sides: for each setting its current value, and its values in A and B.

use super::{journal::Kept, knob::Knob, schedule::Side};
use memtrace_trace::model::Setting;

/// A setting that is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedSetting {
    /// The setting.
    pub knob: Knob,
    /// Current value.
    pub first: String,
    /// Value in blocks of A.
    pub a: String,
    /// Value in blocks of B.
    pub b: String,
    /// The setting that a write to this one zeroes, with its current value.
    pub partner: Option<(Knob, String)>,
    /// Inode of the cgroup, for a setting of a cgroup.
    pub cgroup_inode: Option<u64>,
}

/// Current state of a setting, as a plan needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// Current value.
    pub value: String,
    /// Inode of the cgroup, for a setting of a cgroup.
    pub cgroup_inode: Option<u64>,
}

/// All settings that are changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The settings, in the order in which they were named.
    pub items: Vec<ChangedSetting>,
}

impl Plan {
    /// Makes the sides from the arguments: `NAME=VALUE` for B, and for A where it is not the current value.
    ///
    /// # Errors
    /// When a setting cannot be read, is named twice, is named for A only, or is the same on both sides without
    /// `--against`.
    pub fn new(
        set: &[String],
        against: &[String],
        page_bytes: u64,
        read: impl Fn(&Knob) -> Result<Present, String>,
    ) -> Result<Self, String> {
        let assignments = |list: &[String]| -> Result<Vec<(Knob, String)>, String> {
            list.iter().map(|text| Knob::assignment(text, page_bytes)).collect()
        };
        let (b, mut a) = (assignments(set)?, assignments(against)?);
        let mut items: Vec<ChangedSetting> = Vec::new();
        for (knob, b) in b {
            let partner = knob.partner();
            let taken = |item: &ChangedSetting| item.knob == knob || Some(&item.knob) == partner.as_ref();
            if let Some(other) = items.iter().find(|item| taken(item)) {
                return Err(format!(
                    "{} and {} cannot both be set: the kernel keeps only the one written last",
                    other.knob.shown(),
                    knob.shown()
                ));
            }
            let Present { value: first, cgroup_inode } = read(&knob)?;
            let against = a.iter().position(|(of, _)| *of == knob).map(|at| a.swap_remove(at).1);
            if against.is_none() && first == b {
                let (name, shown) = (knob.shown(), knob.kind.shown(&b));
                return Err(format!(
                    "{name} is already {shown}: A and B would be the same. `--against {name}=...` gives A another \
                     value; `--against {name}={shown}` makes an A/A run, which shows the differences due to chance"
                ));
            }
            let partner = partner.map(|knob| read(&knob).map(|present| (knob, present.value))).transpose()?;
            items.push(ChangedSetting {
                a: against.unwrap_or_else(|| first.clone()),
                first,
                b,
                knob,
                partner,
                cgroup_inode,
            });
        }
        if let Some((knob, _)) = a.first() {
            let name = knob.shown();
            return Err(format!(
                "--against names {name}, but --set does not: add the value of B with --set {name}=..."
            ));
        }
        Ok(Self { items })
    }

    /// Settings to write for a side. Where a 0 only means that the other one of a coupled pair is in effect, that one
    /// is written.
    #[must_use]
    pub fn changes(&self, side: Side) -> Vec<(Knob, String)> {
        let change = |item: &ChangedSetting| {
            let value = item.value(side);
            match &item.partner {
                Some((partner, first)) if *value == item.first && value == "0" && first != "0" => {
                    (partner.clone(), first.clone())
                }
                _ => (item.knob.clone(), value.clone()),
            }
        };
        self.items.iter().map(change).collect()
    }

    /// The settings of a side, for the trace.
    #[must_use]
    pub fn settings(&self, side: Side) -> Vec<Setting> {
        let setting = |item: &ChangedSetting| Setting {
            name: item.knob.name().into(),
            value: Some(item.value(side).as_str().into()),
        };
        self.items.iter().map(setting).collect()
    }

    /// Facts needed to undo the plan.
    #[must_use]
    pub fn kept(&self) -> Vec<Kept> {
        let mut all = Vec::new();
        for item in &self.items {
            let written = vec![item.a.clone(), item.b.clone()];
            let (knob, first) = (item.knob.clone(), item.first.clone());
            // A write to either zeroes the other.
            let zero = item.partner.is_some().then(|| "0".to_owned());
            let written = written.into_iter().chain(zero).collect();
            all.push(Kept { knob, first, written, cgroup_inode: item.cgroup_inode });
            if let Some((knob, first)) = &item.partner {
                let (knob, first) = (knob.clone(), first.clone());
                all.push(Kept { knob, first, written: vec!["0".to_owned()], cgroup_inode: None });
            }
        }
        all
    }
}

impl ChangedSetting {
    /// Value on a side.
    #[must_use]
    pub fn value(&self, side: Side) -> &String {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Plan, Present, Side};

    fn plan(set: &[&str], against: &[&str]) -> Result<Plan, String> {
        let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Plan::new(&own(set), &own(against), 4096, |knob| {
            let value = match knob.name().as_str() {
                "vm.swappiness" => "60",
                "vm.dirty_ratio" => "20",
                "vm.dirty_bytes" => "0",
                "cgroup:/web:memory.high" => "max",
                other => return Err(format!("{other} is not there")),
            };
            Ok(Present { value: value.to_owned(), cgroup_inode: knob.name().starts_with("cgroup").then_some(7) })
        })
    }

    fn changes(plan: &Plan, side: Side) -> Vec<(String, String)> {
        plan.changes(side).into_iter().map(|(knob, value)| (knob.name(), value)).collect()
    }

    fn change(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_is_what_is_there_now_unless_said() {
        let plan = plan(&["vm.swappiness=10", "cgroup:/web:memory.high=512M"], &["vm.swappiness=100"]).unwrap();
        assert_eq!(changes(&plan, Side::A), [change("vm.swappiness", "100"), change("cgroup:/web:memory.high", "max")]);
        assert_eq!(
            changes(&plan, Side::B),
            [change("vm.swappiness", "10"), change("cgroup:/web:memory.high", "536870912")]
        );
        let kept = plan.kept();
        assert_eq!((kept[0].first.as_str(), kept[0].written.join(",")), ("60", "100,10".to_owned()));
        assert_eq!((kept[1].first.as_str(), kept[1].cgroup_inode), ("max", Some(7)));
    }

    #[test]
    fn of_a_pair_the_one_that_counts_is_written() {
        let plan = plan(&["vm.dirty_bytes=64000000"], &[]).unwrap();
        assert_eq!(changes(&plan, Side::A), [change("vm.dirty_ratio", "20")]);
        assert_eq!(changes(&plan, Side::B), [change("vm.dirty_bytes", "64000000")]);
        let kept: Vec<_> = plan.kept().into_iter().map(|kept| (kept.knob.name(), kept.first)).collect();
        assert_eq!(kept, [change("vm.dirty_bytes", "0"), change("vm.dirty_ratio", "20")]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (set, against, words) in [
            (vec!["vm.swappiness=60"], vec![], "A/A run"),
            (vec!["vm.swappiness=1", "vm.swappiness=2"], vec![], "cannot both"),
            (vec!["vm.dirty_ratio=1", "vm.dirty_bytes=8192"], vec![], "cannot both"),
            (vec!["vm.swappiness=1"], vec!["vm.dirty_ratio=2"], "--set does not"),
            (vec!["vm.page-cluster=0"], vec![], "not there"),
        ] {
            let error = plan(&set, &against).unwrap_err();
            assert!(error.contains(words), "{set:?}: {error}");
        }
        assert!(plan(&["vm.swappiness=60"], &["vm.swappiness=60"]).is_ok());
    }
}
