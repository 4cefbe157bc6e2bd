//! Pairing of begin and end on one task: a small stack of open spans.
//!
//! Time is counted once: only the outermost span is a stall. A span that opens inside it is nested, and its time is
//! already part of the stall. The same code runs in the kernel programs and in the property tests.
//!
//! Loops run over constant bounds, and indices come from the loop variable or are masked: this lets the verifier see
//! that every access is inside the entry.

use core::mem::offset_of;

use crate::{
    kind::StallKind,
    part::{Part, Spent},
    shrinker::{self, SHRINKERS, ShrinkerTime},
    throttle::REASON_COUNT,
    verifier::{below, masked},
    wait::Wait,
};

/// Deepest nesting that is followed. Direct, memcg and node reclaim never nest in each other (`PF_MEMALLOC` prevents
/// it); soft-limit reclaim nests in them, and memcg reclaim nests in the work that `memory.high` imposes.
pub const DEPTH: usize = 4;

const LAST: u64 = DEPTH as u64 - 1;

/// Table of the highest set bit of each number of [`DEPTH`] bits, two bits per number.
const HIGHEST: u32 = {
    assert!(DEPTH == 4);
    let (mut table, mut number) = (0, 1_u32);
    while number < 1 << DEPTH {
        table |= number.ilog2() << (2 * number);
        number += 1;
    }
    table
};

/// Span number of memcg soft-limit reclaim; the numbers below are those of [`StallKind`].
pub const SOFT_LIMIT: u8 = StallKind::COUNT as u8;

/// Span number of reclaim on request (`memory.reclaim`): spans inside it are no stalls.
pub const PROACTIVE: u8 = SOFT_LIMIT + 1;

/// One open span.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Begin, `CLOCK_MONOTONIC` in ns.
    pub start_ns: u64,
    /// Allocation flags.
    pub gfp: u32,
    /// Bits of [`crate::record::fields`] of the values that were read.
    pub fields: u32,
    /// Allocation order.
    pub order: i16,
    /// Node; `MAX_NUMNODES` is at most 1024.
    pub nid: i16,
    /// A [`StallKind`] number, [`SOFT_LIMIT`] or [`PROACTIVE`].
    pub kind: u8,
    /// Explicit padding, 0.
    pub pad: [u8; 3],
}

/// Pages of one node. Reclaim mostly stays on one node. The pages are added up here, since a map of the nodes would
/// cost one more cache line at each scan.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodePages {
    /// Pages scanned.
    pub scanned: u64,
    /// Pages reclaimed.
    pub reclaimed: u64,
    /// The node.
    pub nid: u32,
    /// Explicit padding, 0.
    pub pad: u32,
}

/// The open spans of one task, with the events inside the outermost one, ordered by cache line: reclaim empties the
/// CPU's caches, so that each line that a program touches makes up a fair part of its cost. The first line is all that
/// a scan needs, the second has the outermost span.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskSpans {
    /// Thread id; 0 in a free slot.
    pub tid: u32,
    /// Number of open spans.
    pub depth: u32,
    /// Shrinks inside the outermost span.
    pub shrinks: u32,
    /// Process id of the task.
    pub tgid: u32,
    /// Pages scanned inside the outermost span.
    pub scanned_pages: u64,
    /// Pages of one node inside the outermost span that are not yet added to the node's own counts.
    pub node: NodePages,
    /// CPU time of the task at the begin of the outermost span, in ns; 0 where it is not needed.
    pub ran_ns: u64,
    /// Spans that began inside the outermost one.
    pub inner: u32,
    /// Kind of the wait outside the spans, plus 1; 0 without a wait.
    pub wait_kind: u8,
    /// 1 when the kernel counted a memory stall inside the open wait.
    pub wait_counted: u8,
    /// 1 when the slot is not the one that follows from the thread's id.
    pub is_moved: u8,
    /// Explicit padding, 0.
    pub pad: u8,
    /// Time inside the outermost span, by part.
    pub spent: Spent,
    /// The spans, outermost first; `depth` of them are open.
    pub spans: [Span; DEPTH],
    /// Time of the last mark: the begin or end of the last shrinker, throttle or span.
    pub mark_ns: u64,
    /// Time throttled inside the outermost span, by reason, in us.
    pub throttled_us: [u32; REASON_COUNT],
    /// Begin of the shrinker that runs now; 0 when none runs.
    pub shrinker_start_ns: u64,
    /// Address of the function of that shrinker; 0 when it was not read.
    pub shrinker: u64,
    /// Pages reclaimed by the spans inside the outermost one.
    pub reclaimed_pages: u64,
    /// Shrinks before [`Self::mark_ns`].
    pub shrinks_reported: u32,
    /// Number of open sections that the kernel counts as memory stalls.
    pub memstall: u32,
    /// The wait of the task outside its spans.
    pub wait: Wait,
    /// Voluntary context switches of the task at the begin of the outermost span, for the kinds that need them.
    pub switches: u64,
    /// Time inside the outermost span in which the task did not run, in ns.
    pub off_cpu_ns: u64,
    /// Time since which the task does not run; 0 while it runs.
    pub off_cpu_since_ns: u64,
    /// Time inside the outermost span that was already accounted to other parts when soft-limit reclaim began, in ns.
    pub soft_limit_accounted_ns: u64,
    /// Explicit padding, 0.
    pub tail: [u32; 2],
    /// Time inside the outermost span, by shrinker.
    pub shrinkers: [ShrinkerTime; SHRINKERS],
}

const _: () = assert!(size_of::<TaskSpans>().is_multiple_of(64), "each place begins a line of the cache");
const _: () = assert!(
    offset_of!(TaskSpans, spans) + size_of::<Span>() <= 128,
    "the outermost span is in the second line of the cache"
);

/// Result of a begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// A span was opened.
    Opened,
    /// A span of this kind was open already: its end was lost, and the new one takes its place.
    Replaced {
        /// Spans inside the replaced one that were open too; their ends are lost as well.
        inner: u32,
    },
    /// The stack is full; the span is not followed.
    Overflow,
}

/// Result of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// No span of this kind was open.
    Unmatched,
    /// A span inside another one ended.
    Nested {
        /// Spans inside it whose ends were lost.
        lost: u32,
    },
    /// The outermost span ended: this is the stall.
    Finished {
        /// Spans inside it whose ends were lost.
        lost: u32,
        /// Duration in ns.
        dur_ns: u64,
    },
}

impl TaskSpans {
    /// Position of the open span of this kind, if there is one. No branch per position: the verifier would go through
    /// all following code for every combination.
    #[inline(always)]
    fn position(&self, kind: u8) -> Option<usize> {
        let mut found = 0;
        let mut i = 0;
        while i < DEPTH {
            let is_open = below(i as u64, u64::from(self.depth));
            let is_same = below(u64::from(self.spans[i].kind ^ kind), 1);
            found |= (is_open & is_same) << i;
            i += 1;
        }
        if found == 0 { None } else { Some(masked::<LAST>(u64::from(HIGHEST) >> (2 * found))) }
    }

    /// True when a span of this kind is open.
    #[inline(always)]
    #[must_use]
    pub fn is_open(&self, kind: u8) -> bool {
        self.position(kind).is_some()
    }

    /// Opens `span`. The first span of a task resets its counters.
    #[inline(always)]
    pub fn begin(&mut self, span: &Span) -> Begin {
        let mut outcome = Begin::Opened;
        let mut target = self.depth as usize;
        if let Some(at) = self.position(span.kind) {
            outcome = Begin::Replaced { inner: self.depth - at as u32 - 1 };
            target = at;
        }
        if target >= DEPTH {
            return Begin::Overflow;
        }
        self.spans[masked::<LAST>(target as u64)] = *span;
        self.depth = target as u32 + 1;
        if target == 0 {
            self.mark_ns = span.start_ns;
            self.shrinks_reported = 0;
            self.scanned_pages = 0;
            self.node = NodePages::default();
            self.throttled_us = [0; REASON_COUNT];
            self.shrinks = 0;
            // Most stalls go through no shrinker: then there is nothing to clear.
            if self.spent.ns(Part::Shrinkers) != 0 {
                self.shrinkers = [ShrinkerTime::default(); SHRINKERS];
            }
            self.spent = Spent::default();
            self.shrinker_start_ns = 0;
            self.inner = 0;
            self.reclaimed_pages = 0;
            self.off_cpu_ns = 0;
            self.explained();
        } else {
            self.inner += 1;
            self.mark(span.start_ns);
            if span.kind == SOFT_LIMIT {
                self.soft_limit_accounted_ns = self.accounted_ns();
            }
        }
        outcome
    }

    /// Closes the open span of this kind, and all spans that are still open inside it.
    #[inline(always)]
    pub fn end(&mut self, kind: u8, now_ns: u64) -> End {
        let Some(at) = self.position(kind) else { return End::Unmatched };
        let lost = self.depth - at as u32 - 1;
        let dur_ns = now_ns.saturating_sub(self.spans[at].start_ns);
        self.depth = at as u32;
        self.mark(now_ns);
        if at == 0 {
            return End::Finished { lost, dur_ns };
        }
        if kind == SOFT_LIMIT {
            let accounted_ns = self.accounted_ns().saturating_sub(self.soft_limit_accounted_ns);
            self.spent.add(Part::SoftLimit, dur_ns.saturating_sub(accounted_ns));
        } else if at == 1 {
            self.spent.add(Part::Reclaim, dur_ns);
        }
        End::Nested { lost }
    }

    /// Marks the begin or end of a shrinker, throttle or span. The kernel reports each scan of a list only when it is
    /// over, and reading a clock at each would cost more than the rest of the program. So the time since the last mark
    /// counts as scanning if there was a scan in it.
    #[inline(always)]
    fn mark(&mut self, now_ns: u64) {
        // A shrinker that is open now has lost its end: none lasts beyond another mark.
        if self.shrinks != self.shrinks_reported && self.shrinker_start_ns == 0 {
            self.spent.add(Part::Scan, now_ns.saturating_sub(self.mark_ns));
        }
        self.shrinker_start_ns = 0;
        self.shrinks_reported = self.shrinks;
        self.mark_ns = now_ns;
    }

    /// Time of the outermost span accounted to parts so far, except soft-limit reclaim, in ns.
    #[inline(always)]
    fn accounted_ns(&self) -> u64 {
        self.spent.ns(Part::Scan) + self.spent.ns(Part::Shrinkers) + self.spent.ns(Part::Throttle)
    }

    /// A shrinker begins to free objects; `function` is the address of its function, 0 when that was not read.
    #[inline(always)]
    pub fn shrinker_begin(&mut self, function: u64, now_ns: u64) {
        self.mark(now_ns);
        self.shrinker_start_ns = now_ns;
        self.shrinker = function;
    }

    /// The shrinker ends. Shrinkers do not nest; an end without its begin is ignored.
    #[inline(always)]
    pub fn shrinker_end(&mut self, now_ns: u64) {
        if self.shrinker_start_ns != 0 {
            let ns = now_ns.saturating_sub(self.shrinker_start_ns);
            self.spent.add(Part::Shrinkers, ns);
            self.mark(now_ns);
            shrinker::add(&mut self.shrinkers, self.shrinker, ns);
        }
    }

    /// The task is taken off its CPU.
    #[inline(always)]
    pub fn switched_out(&mut self, now_ns: u64) {
        if self.depth > 0 {
            self.off_cpu_since_ns = now_ns;
        }
    }

    /// The task runs again.
    #[inline(always)]
    pub fn switched_in(&mut self, now_ns: u64) {
        if self.off_cpu_since_ns != 0 {
            self.off_cpu_ns += now_ns.saturating_sub(self.off_cpu_since_ns);
            self.off_cpu_since_ns = 0;
        }
    }

    /// The task was throttled until now for this reason, an index into [`crate::throttle::REASONS`] or an unknown one.
    #[inline(always)]
    pub fn throttled(&mut self, reason: u64, usec: u64, now_ns: u64) {
        self.spent.add(Part::Throttle, usec * 1000);
        self.mark(now_ns.saturating_sub(usec * 1000).max(self.mark_ns));
        self.mark_ns = now_ns;
        let mut i = 0;
        while i < REASON_COUNT {
            if i as u64 == reason {
                self.throttled_us[i] = self.throttled_us[i].saturating_add(usec as u32);
            }
            i += 1;
        }
    }

    /// Charges one scan of a list to the stall in progress.
    #[inline(always)]
    pub fn scan(&mut self, pages: u64) {
        self.scanned_pages += pages;
        self.shrinks += 1;
    }
}
