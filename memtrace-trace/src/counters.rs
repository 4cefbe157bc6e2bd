//! The kernel's own counters around an instant, and losses by stage: numbers whose names are in META once.

use std::collections::BTreeMap;

use memtrace_common::totals;

use super::{
    optional::{difference, restore},
    wire,
};
use memtrace_core::session::{
    counters::{CGROUP_COUNTERS, HOST_COUNTERS, KernelCounters, Readings},
    loss::Loss,
};

/// Values by name: all names are known at compile time, so that a name of a later version is skipped.
type NamedCounts = BTreeMap<&'static str, u64>;

/// Names of columns, in order; `None` for a name that is not in `list`.
pub(super) fn known(names: &[String], list: &[&'static str]) -> Vec<Option<&'static str>> {
    names.iter().map(|name| list.iter().find(|known| **known == name.as_str()).copied()).collect()
}

/// All names as this version writes them.
pub(super) fn names(list: &[&'static str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

/// The stages of loss on the kernel side.
pub(super) fn loss_names() -> [&'static str; totals::Loss::COUNT] {
    totals::Loss::ALL.map(totals::Loss::name)
}

/// Readings as differences to `base` (to 0 without one).
pub(super) fn encode_readings(now: &Readings, base: Option<&KernelCounters>) -> wire::Readings {
    // The second reading is nearly the first one.
    wire::Readings {
        before: Some(encode_counters(&now.before, base)),
        after: Some(encode_counters(&now.after, Some(&now.before))),
    }
}

fn encode_counters(now: &KernelCounters, base: Option<&KernelCounters>) -> wire::Counters {
    let none = NamedCounts::new();
    wire::Counters {
        host: column(&now.host, base.map_or(&none, |base| &base.host), &HOST_COUNTERS),
        scans_count_memcg: now.scans_count_memcg,
        cgroup: match &now.cgroup {
            Some(cgroup) => {
                column(cgroup, base.and_then(|base| base.cgroup.as_ref()).unwrap_or(&none), &CGROUP_COUNTERS)
            }
            None => Vec::new(),
        },
        has_cgroup: now.cgroup.is_some(),
    }
}

fn column(now: &NamedCounts, base: &NamedCounts, names: &[&'static str]) -> Vec<u64> {
    let value = |name: &&str| {
        let value = *now.get(name)?;
        Some(zigzag(difference(value, base.get(name).copied().unwrap_or(0))))
    };
    names.iter().map(|name| value(name).map_or(0, |value| value.saturating_add(1))).collect()
}

#[expect(clippy::cast_sign_loss, reason = "the bits are what counts")]
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[expect(clippy::cast_possible_wrap, reason = "the bits are what counts")]
fn unzigzag(bits: u64) -> i64 {
    ((bits >> 1) as i64) ^ -((bits & 1) as i64)
}

/// Names of the columns of a segment; `None` for a name that this version does not know.
#[derive(Debug, Default)]
pub(super) struct CounterNames {
    pub(super) host: Vec<Option<&'static str>>,
    pub(super) cgroup: Vec<Option<&'static str>>,
    pub(super) loss: Vec<Option<&'static str>>,
}

impl CounterNames {
    /// Names listed in META.
    pub(super) fn of(meta: &wire::Meta) -> Self {
        Self {
            host: known(&meta.counter_names, &HOST_COUNTERS),
            cgroup: known(&meta.cgroup_counter_names, &CGROUP_COUNTERS),
            loss: known(&meta.loss_names, &loss_names()),
        }
    }

    /// The readings of a message, which are differences to `base` (to 0 without one).
    pub(super) fn readings(&self, message: &wire::Readings, base: Option<&KernelCounters>) -> Readings {
        let empty = wire::Counters::default();
        let before = self.counters(message.before.as_ref().unwrap_or(&empty), base);
        let after = self.counters(message.after.as_ref().unwrap_or(&empty), Some(&before));
        Readings { before, after }
    }

    fn counters(&self, message: &wire::Counters, base: Option<&KernelCounters>) -> KernelCounters {
        let none = NamedCounts::new();
        let read = |column: &[u64], names: &[Option<&'static str>], base: &NamedCounts| -> NamedCounts {
            let value = |(&name, &value): (&Option<&'static str>, &u64)| {
                let (name, value) = (name?, value.checked_sub(1)?);
                Some((name, restore(unzigzag(value), base.get(name).copied().unwrap_or(0))))
            };
            names.iter().zip(column).filter_map(value).collect()
        };
        KernelCounters {
            host: read(&message.host, &self.host, base.map_or(&none, |base| &base.host)),
            scans_count_memcg: message.scans_count_memcg,
            cgroup: message.has_cgroup.then(|| {
                read(&message.cgroup, &self.cgroup, base.and_then(|base| base.cgroup.as_ref()).unwrap_or(&none))
            }),
        }
    }

    /// Losses on the kernel side, by stage.
    pub(super) fn loss(&self, column: &[i64], base: &NamedCounts) -> NamedCounts {
        let value = |(&name, &value): (&Option<&'static str>, &i64)| {
            let name = name?;
            Some((name, restore(value, base.get(name).copied().unwrap_or(0))))
        };
        self.loss.iter().zip(column).filter_map(value).collect()
    }
}

/// Losses on the kernel side as differences to `base`, in the order of [`loss_names`]; empty where they are not read.
pub(super) fn encode_loss(now: &NamedCounts, base: &NamedCounts) -> Vec<i64> {
    let value = |name: &str| difference(now.get(name).copied().unwrap_or(0), base.get(name).copied().unwrap_or(0));
    if now.is_empty() { Vec::new() } else { loss_names().into_iter().map(value).collect() }
}

/// Losses in user space, without the stages that lost nothing.
pub(super) fn encode_lost(lost: &[u64; Loss::COUNT]) -> Vec<wire::NamedCount> {
    let count = |stage: &Loss| wire::NamedCount { name: stage.name().to_owned(), count: lost[*stage as usize] };
    Loss::ALL.iter().filter(|stage| lost[**stage as usize] > 0).map(count).collect()
}

/// Losses in user space, by number of the stage; a stage of a later version is left out.
pub(super) fn decode_lost(counts: &[wire::NamedCount]) -> [u64; Loss::COUNT] {
    let mut lost = [0; Loss::COUNT];
    for count in counts {
        if let Some(stage) = Loss::ALL.into_iter().find(|stage| stage.name() == count.name) {
            lost[stage as usize] = count.count;
        }
    }
    lost
}
