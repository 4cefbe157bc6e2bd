//! The items that live would have shown.

use std::{collections::BTreeMap, sync::Arc};

use super::{Finished, Watch};
use memtrace_core::{
    event::Event,
    session::{
        item::{Item, cgroups_of, cgroups_of_rows},
        tick::Tick,
    },
};
use memtrace_trace::model::{Remark, TickRecord};

/// Turns events and ticks into items of a view and passes each on.
pub struct Items<F> {
    /// Receiver of the items.
    pub show: F,
    /// Shortest stall that has an item, in ns.
    pub min_stall_ns: u64,
    /// True when changes of kswapd have items.
    pub kswapd: bool,
}

impl<F: FnMut(Item)> Watch for Items<F> {
    fn begin(&mut self, _: &TickRecord) {}

    fn event(&mut self, event: &Event, shown: bool, paths: &BTreeMap<u64, Arc<[u8]>>) {
        let path = |id: Option<u64>| id.and_then(|id| paths.get(&id)).cloned();
        match event {
            Event::Stall(stall) if shown && stall.dur_ns >= self.min_stall_ns => {
                (self.show)(Item::Stall(*stall, path(stall.cgroup_id)));
            }
            Event::Oom(oom) => {
                (self.show)(Item::Oom(*oom, [path(oom.victim.cgroup_id), path(oom.limit_cgroup_id())]));
            }
            Event::Freed(freed) => (self.show)(Item::Freed(*freed)),
            Event::Kswapd(kswapd) if self.kswapd => (self.show)(Item::Kswapd(*kswapd)),
            Event::Stall(_) | Event::Kswapd(_) => {}
        }
    }

    fn tick(&mut self, tick: Tick, _: &TickRecord, paths: &BTreeMap<u64, Arc<[u8]>>) {
        let paths = cgroups_of_rows(&tick).filter_map(|id| Some((id, Arc::clone(paths.get(&id)?)))).collect();
        (self.show)(Item::Tick(Box::new(tick), paths));
    }

    fn remark(&mut self, _: &Remark) {}

    fn missing(&mut self) {}
}

impl Finished {
    /// The last item: the summary with the paths of the cgroups in it.
    #[must_use]
    pub fn item(&self) -> Item {
        let path = |id| Some((id, Arc::clone(self.paths.get(&id)?)));
        let paths = cgroups_of(&self.summary).filter_map(path).collect();
        Item::Summary(Box::new(self.summary.clone()), paths)
    }
}
