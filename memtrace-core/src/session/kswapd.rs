//! kswapd by node: the times when it was awake, and the tasks that woke it.

use memtrace_common::{
    record::KswapdStep,
    totals::{KswapdTotals, MAX_NODES},
};

use super::tally::KindTally;
use crate::event::{Comm, Kswapd};

/// Number of names of wakers that are counted separately per node.
const WAKERS: usize = 32;
/// Number of changes that are kept per node, to determine the state of kswapd when a stall began.
const CHANGES: usize = 16;

/// State of one node's kswapd beyond its exact totals.
#[derive(Clone, Copy, Debug)]
struct Node {
    seen: bool,
    awake: bool,
    /// Time up to which the present state is accounted for, in ns.
    since_ns: u64,
    /// Time of the latest change that an event reported, in ns.
    reported_ns: u64,
    awake_ns: u64,
    /// Times of the changes, the latest first; 0 for none.
    changes: [u64; CHANGES],
    reached: Reached,
    wakers: [(Comm, u64); WAKERS],
    other_wakers: u64,
}

/// Direct reclaims of tasks, by the state of their node's kswapd when they began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// kswapd slept: it was woken too late.
    pub asleep: KindTally,
    /// kswapd was awake: it could not keep up.
    pub awake: KindTally,
    /// kswapd changed too often since then to know.
    pub unknown: KindTally,
}

/// The kswapds of all nodes.
#[derive(Debug)]
pub(super) struct Kswapds {
    nodes: Vec<Node>,
    start_ns: u64,
}

impl Kswapds {
    /// The kswapds of all nodes, with no time accounted for before `start_ns`.
    pub(super) fn new(start_ns: u64) -> Self {
        let blank = Node {
            seen: false,
            awake: false,
            since_ns: start_ns,
            reported_ns: 0,
            awake_ns: 0,
            changes: [0; CHANGES],
            reached: Reached::default(),
            wakers: [(Comm::default(), 0); WAKERS],
            other_wakers: 0,
        };
        Self { nodes: vec![blank; MAX_NODES as usize], start_ns }
    }

    /// Starts the accounting at `start_ns`.
    pub(super) fn begin(&mut self, start_ns: u64) {
        self.start_ns = start_ns;
        for node in &mut self.nodes {
            node.since_ns = start_ns;
        }
    }

    /// Sets the state of one node at the start of the accounting.
    pub(super) fn begin_node(&mut self, nid: u32, awake: bool) {
        if let Some(node) = self.nodes.get_mut(nid as usize) {
            (node.seen, node.awake) = (true, awake);
        }
    }

    /// Takes one event.
    pub(super) fn apply(&mut self, event: &Kswapd) {
        let start_ns = self.start_ns;
        let Some(node) = self.nodes.get_mut(event.nid as usize) else { return };
        match event.step {
            KswapdStep::Wakeup => {
                if let Some(waker) = event.waker {
                    node.count_waker(waker.comm);
                }
            }
            KswapdStep::Wake => node.reported(true, event.t_ns),
            KswapdStep::Sleep => {
                if !node.seen {
                    // The first event of this kswapd is that it went to sleep, so it was awake from the beginning.
                    node.awake = true;
                    node.since_ns = start_ns;
                }
                node.reported(false, event.t_ns);
            }
        }
    }

    /// Accounts for the time up to `now_ns`, with the exact totals where events were lost.
    pub(super) fn tick(&mut self, nid: u32, totals: &KswapdTotals, now_ns: u64) {
        let Some(node) = self.nodes.get_mut(nid as usize) else { return };
        let awake = totals.awake != 0;
        // Events may be ahead of the totals: the totals take precedence only when they are newer.
        if awake != node.awake && totals.last_ns > node.reported_ns {
            node.enter(awake, totals.last_ns);
        }
        node.enter(node.awake, now_ns);
    }

    /// Counts a direct reclaim at a node, which ended at `t_ns`.
    pub(super) fn count_direct(&mut self, nid: u32, t_ns: u64, dur_ns: u64) {
        let Some(node) = self.nodes.get_mut(nid as usize) else { return };
        let sum = match node.was_awake(t_ns.saturating_sub(dur_ns)) {
            Some(true) => &mut node.reached.awake,
            Some(false) => &mut node.reached.asleep,
            None => &mut node.reached.unknown,
        };
        sum.add(KindTally { count: 1, total_ns: dur_ns });
    }

    /// Direct reclaims at a node by the state of its kswapd.
    pub(super) fn reached(&self, nid: u32) -> Reached {
        self.nodes.get(nid as usize).map_or_else(Reached::default, |node| node.reached)
    }

    /// Time awake since the start, in ns.
    pub(super) fn awake_ns(&self, nid: u32) -> u64 {
        self.nodes.get(nid as usize).map_or(0, |node| node.awake_ns)
    }

    /// The task that woke it most often, as far as events were reported, and the number of its wakeups.
    pub(super) fn top_waker(&self, nid: u32) -> Option<(Comm, u64)> {
        let wakers = &self.nodes.get(nid as usize)?.wakers;
        wakers.iter().copied().max_by_key(|(_, count)| *count).filter(|(_, count)| *count > 0)
    }

    /// Number of wakeups that events reported.
    #[cfg(test)]
    fn wakeups_reported(&self, nid: u32) -> u64 {
        let node = &self.nodes[nid as usize];
        node.other_wakers + node.wakers.iter().map(|(_, count)| count).sum::<u64>()
    }
}

impl Node {
    /// Enters a state that an event reported.
    fn reported(&mut self, awake: bool, t_ns: u64) {
        self.reported_ns = self.reported_ns.max(t_ns);
        self.enter(awake, t_ns);
    }

    /// Accounts for the present state up to `t_ns` and enters the new state.
    fn enter(&mut self, awake: bool, t_ns: u64) {
        if self.awake {
            self.awake_ns += t_ns.saturating_sub(self.since_ns);
        }
        if awake != self.awake {
            self.changes.rotate_right(1);
            self.changes[0] = t_ns;
        }
        self.seen = true;
        self.awake = awake;
        self.since_ns = self.since_ns.max(t_ns);
    }

    /// True when it was awake at a time; `None` when more changes came since then than are kept.
    fn was_awake(&self, t_ns: u64) -> Option<bool> {
        let later = self.changes.iter().filter(|change| **change > t_ns).count();
        (later < CHANGES).then_some(self.awake ^ (later % 2 == 1))
    }

    /// Counts a waker by name; a new name replaces the rarest.
    fn count_waker(&mut self, comm: Comm) {
        if let Some((_, count)) = self.wakers.iter_mut().find(|(name, count)| *name == comm && *count > 0) {
            *count += 1;
            return;
        }
        if let Some(rarest) = self.wakers.iter_mut().min_by_key(|(_, count)| *count) {
            self.other_wakers += rarest.1;
            *rarest = (comm, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use memtrace_common::{record::KswapdStep, totals::KswapdTotals};

    use super::{Kswapds, Reached};
    use crate::{
        event::{Comm, Kswapd, Trigger},
        session::tally::KindTally,
    };

    fn step(t_ns: u64, step: KswapdStep) -> Kswapd {
        Kswapd { t_ns, nid: 1, step, order: None, gfp: None, waker: None }
    }

    #[test]
    fn awake_time_is_what_lies_between_wake_and_sleep() {
        let mut k = Kswapds::new(100);
        k.apply(&step(200, KswapdStep::Wake));
        k.apply(&step(250, KswapdStep::Wake));
        k.apply(&step(300, KswapdStep::Sleep));
        k.apply(&step(900, KswapdStep::Wake));
        k.tick(1, &KswapdTotals { awake: 1, last_ns: 900, ..KswapdTotals::default() }, 1000);
        assert_eq!(k.awake_ns(1), 200);
    }

    #[test]
    fn asleep_as_the_first_sign_means_awake_before() {
        let mut k = Kswapds::new(100);
        k.apply(&step(300, KswapdStep::Sleep));
        assert_eq!(k.awake_ns(1), 200);
    }

    #[test]
    fn a_direct_reclaim_goes_by_how_kswapd_stood_when_it_began() {
        let mut k = Kswapds::new(0);
        k.apply(&step(100, KswapdStep::Wake));
        k.apply(&step(200, KswapdStep::Wake));
        k.apply(&step(300, KswapdStep::Sleep));
        k.count_direct(1, 330, 20);
        k.count_direct(1, 310, 60);
        k.count_direct(1, 340, 300);
        for n in 0..9 {
            k.apply(&step(400 + 20 * n, KswapdStep::Wake));
            k.apply(&step(410 + 20 * n, KswapdStep::Sleep));
        }
        k.count_direct(1, 900, 600);
        k.count_direct(1, 900, 1);
        let tally = |count, total_ns| KindTally { count, total_ns };
        let expected = Reached { asleep: tally(3, 321), awake: tally(1, 60), unknown: tally(1, 600) };
        assert_eq!((k.reached(1), k.reached(0)), (expected, Reached::default()));
    }

    #[test]
    fn totals_mend_what_the_ring_lost() {
        let mut k = Kswapds::new(0);
        k.apply(&step(100, KswapdStep::Wake));
        k.tick(1, &KswapdTotals { awake: 0, last_ns: 400, ..KswapdTotals::default() }, 1000);
        assert_eq!(k.awake_ns(1), 300);
        k.tick(1, &KswapdTotals { awake: 1, last_ns: 1500, ..KswapdTotals::default() }, 2000);
        assert_eq!(k.awake_ns(1), 800);
    }

    #[test]
    fn events_may_be_ahead_of_the_totals_or_behind() {
        let mut k = Kswapds::new(0);
        let asleep = KswapdTotals { awake: 0, last_ns: 50, ..KswapdTotals::default() };
        k.apply(&step(900, KswapdStep::Wake));
        k.tick(1, &asleep, 1000);
        assert_eq!(k.awake_ns(1), 100);
        // The sleep at 990 came after the reading of the totals and was lost in the ring: the next totals report it.
        k.tick(1, &KswapdTotals { last_ns: 990, ..asleep }, 2000);
        k.tick(1, &KswapdTotals { last_ns: 990, ..asleep }, 3000);
        assert_eq!(k.awake_ns(1), 100);
    }

    #[test]
    fn a_node_that_cannot_be_is_ignored() {
        let mut k = Kswapds::new(0);
        k.apply(&Kswapd { nid: u32::MAX, ..step(1, KswapdStep::Wake) });
        assert_eq!(k.awake_ns(u32::MAX), 0);
        assert_eq!(k.top_waker(u32::MAX), None);
    }

    #[test]
    fn the_most_frequent_waker_stays_under_churn() {
        let mut k = Kswapds::new(0);
        for i in 0..1000_u32 {
            for comm in [Comm::from(b"java".as_slice()), Comm::from(format!("t{i}").as_bytes())] {
                let waker = Some(Trigger { pid: i, comm });
                k.apply(&Kswapd { waker, ..step(1, KswapdStep::Wakeup) });
            }
        }
        assert_eq!(k.top_waker(1), Some((Comm::from(b"java".as_slice()), 1000)));
        assert_eq!(k.wakeups_reported(1), 2000);
    }
}
