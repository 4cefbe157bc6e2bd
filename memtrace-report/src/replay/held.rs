//! Events near a bound of the window. The events of an interval lie before its tick in the file, and with them those
//! that ended while the tick was made: they belong to the next interval, whose totals count them.

use memtrace_common::kind::StallKind;
use memtrace_core::{
    event::{Event, Stall},
    session::input::{Reported, TickInput},
};

/// Events that wait for the tick that places them.
#[derive(Debug, Default)]
pub(super) struct Held(Vec<Event>);

/// The events on both sides of a tick.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Split {
    /// Events that the totals of the tick count.
    pub(super) before: Vec<Event>,
    /// Events that only the totals of the next tick count.
    pub(super) after: Vec<Event>,
}

impl Held {
    pub(super) fn push(&mut self, event: Event) {
        self.0.push(event);
    }

    /// Takes all events, without a tick to part them.
    pub(super) fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.0)
    }

    /// Parts the events at a tick. The totals are read a little after the time of the tick: of the stalls since then,
    /// as many lie before it as the totals count.
    pub(super) fn split(&mut self, tick: &TickInput) -> Split {
        let (mut before, late): (Vec<_>, Vec<_>) = self.take().into_iter().partition(|e| time(e) <= tick.t_ns);
        let mut uncounted = uncounted(tick, &late);
        let mut after = Vec::new();
        for event in late {
            match stall(&event).map(|stall| &mut uncounted[stall.kind as usize]) {
                Some(left) if *left > 0 => {
                    *left -= 1;
                    before.push(event);
                }
                _ => after.push(event),
            }
        }
        Split { before, after }
    }
}

impl Split {
    /// Events that no tick parts.
    pub(super) fn all(before: Vec<Event>) -> Self {
        Self { before, after: Vec::new() }
    }

    /// The stalls reported up to the tick, without those of the next interval.
    pub(super) fn reported(&self, mut reported: [Reported; StallKind::COUNT]) -> [Reported; StallKind::COUNT] {
        for stall in self.after.iter().filter_map(stall) {
            let kind = &mut reported[stall.kind as usize];
            kind.count = kind.count.saturating_sub(1);
            kind.total_ns = kind.total_ns.saturating_sub(stall.dur_ns);
        }
        reported
    }
}

/// The stalls by kind that the totals of a tick count and no event up to its time reported.
fn uncounted(tick: &TickInput, late: &[Event]) -> [u64; StallKind::COUNT] {
    let mut earlier = tick.reported.map(|kind| kind.count);
    for stall in late.iter().filter_map(stall) {
        let kind = &mut earlier[stall.kind as usize];
        *kind = kind.saturating_sub(1);
    }
    StallKind::ALL.map(|kind| {
        let counted = tick.totals.stalls.get(&kind).map_or(0, |totals| totals.count);
        counted.saturating_sub(earlier[kind as usize])
    })
}

const fn stall(event: &Event) -> Option<&Stall> {
    match event {
        Event::Stall(stall) => Some(stall),
        Event::Oom(_) | Event::Freed(_) | Event::Kswapd(_) => None,
    }
}

/// The time of an event, in ns; a stall's is its end.
pub(super) const fn time(event: &Event) -> u64 {
    match event {
        Event::Stall(stall) => stall.t_ns,
        Event::Oom(oom) => oom.t_ns,
        Event::Freed(freed) => freed.t_ns,
        Event::Kswapd(kswapd) => kswapd.t_ns,
    }
}

#[cfg(test)]
mod tests {
    use memtrace_core::{
        event::{Event, Stall},
        session::input::{KindTotals, TickInput},
    };

    use super::{Held, Split};

    fn at(t_ns: u64) -> Event {
        Event::Stall(Stall { t_ns, dur_ns: 5, ..Stall::example() })
    }

    /// A tick at 100 whose totals count `counted` stalls, of ten that events reported.
    fn tick(counted: u64) -> TickInput {
        let mut tick = TickInput { t_ns: 100, ..TickInput::default() };
        let kind = Stall::example().kind;
        tick.totals.stalls.insert(kind, KindTotals { count: counted, ..KindTotals::default() });
        (tick.reported[kind as usize].count, tick.reported[kind as usize].total_ns) = (10, 50);
        tick
    }

    fn split(counted: u64) -> Split {
        let mut held = Held::default();
        [98, 100, 101, 103].into_iter().for_each(|t_ns| held.push(at(t_ns)));
        held.split(&tick(counted))
    }

    #[test]
    fn events_after_a_tick_belong_to_the_next_interval() {
        assert_eq!(split(8), Split { before: vec![at(98), at(100)], after: vec![at(101), at(103)] });
        let reported = split(8).reported(tick(8).reported)[Stall::example().kind as usize];
        assert_eq!((reported.count, reported.total_ns), (8, 40));
    }

    #[test]
    fn totals_that_were_read_later_place_them() {
        assert_eq!(split(9).after, vec![at(103)]);
        assert_eq!(split(10).after, vec![]);
        // More were lost than are late.
        assert_eq!(split(50).after, vec![]);
    }
}
