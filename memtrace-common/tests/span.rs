//! The pairing of begin and end against a plain model, under every order of begins, ends and exits.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::mem;

use memtrace_common::{
    kind::StallKind,
    part::Part,
    span::{Begin, DEPTH, End, SOFT_LIMIT, Span, TaskSpans},
};
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

/// Span numbers that occur: three kinds of stall that end in the kernel's own order or not, two more than the stack
/// is deep, and soft-limit reclaim.
const KINDS: [u8; 6] = [
    StallKind::Direct as u8,
    StallKind::Memcg as u8,
    StallKind::Node as u8,
    StallKind::Compaction as u8,
    StallKind::Swapin as u8,
    SOFT_LIMIT,
];

#[derive(Clone, Copy, Debug)]
enum Step {
    Begin(u8),
    End(u8),
    Scan(u64),
    Shrinker,
    ShrinkerEnd,
    Exit,
}

fn steps() -> impl Strategy<Value = Vec<(Step, u64)>> {
    let kind = || proptest::sample::select(KINDS.to_vec());
    let step = prop_oneof![
        5 => kind().prop_map(Step::Begin),
        5 => kind().prop_map(Step::End),
        3 => (0..1000_u64).prop_map(Step::Scan),
        2 => Just(Step::Shrinker),
        2 => Just(Step::ShrinkerEnd),
        1 => Just(Step::Exit),
    ];
    proptest::collection::vec((step, 0..1_000_000_u64), 0..200)
}

/// A model of the same logic: a plain stack of (kind, start), in which every pause goes to one part.
#[derive(Default)]
struct Model {
    open: Vec<(u8, u64)>,
    scanned: u64,
    /// Time that belongs to no part yet.
    since: u64,
    in_shrinker: bool,
    /// True when a list was scanned in that time.
    is_scan: bool,
    scan_ns: u64,
    shrinkers_ns: u64,
    /// Time of the soft-limit reclaim that is open.
    soft_limit_so_far_ns: u64,
    soft_limit_ns: u64,
}

impl Model {
    fn pause(&mut self, ns: u64) {
        self.since += ns;
    }

    /// Adds the time up to now to the scans if there was one, else to the soft-limit reclaim that is open.
    fn pass(&mut self) {
        let is_scan = mem::take(&mut self.is_scan) && !mem::take(&mut self.in_shrinker);
        *if is_scan { &mut self.scan_ns } else { &mut self.soft_limit_so_far_ns } += mem::take(&mut self.since);
        self.in_shrinker = false;
    }

    fn begin(&mut self, kind: u8, now: u64) -> Begin {
        let outcome = match self.open.iter().position(|(open, _)| *open == kind) {
            Some(at) => {
                let inner = self.open.len() - at - 1;
                self.open.truncate(at);
                Begin::Replaced { inner: u32::try_from(inner).unwrap() }
            }
            None if self.open.len() == DEPTH => return Begin::Overflow,
            None => Begin::Opened,
        };
        self.pass();
        if self.open.is_empty() {
            *self = Self::default();
        }
        if kind == SOFT_LIMIT {
            self.soft_limit_so_far_ns = 0;
        }
        self.open.push((kind, now));
        outcome
    }

    fn end(&mut self, kind: u8, now: u64) -> End {
        let Some(at) = self.open.iter().position(|(open, _)| *open == kind) else { return End::Unmatched };
        let lost = u32::try_from(self.open.len() - at - 1).unwrap();
        let dur_ns = now - self.open[at].1;
        self.open.truncate(at);
        self.pass();
        if at == 0 {
            return End::Finished { lost, dur_ns };
        }
        self.soft_limit_ns += if kind == SOFT_LIMIT { self.soft_limit_so_far_ns } else { 0 };
        End::Nested { lost }
    }

    fn scan(&mut self, pages: u64) {
        self.scanned += pages;
        self.is_scan = true;
    }

    fn shrinker_begin(&mut self) {
        self.pass();
        self.in_shrinker = true;
    }

    fn shrinker_end(&mut self) {
        if mem::take(&mut self.in_shrinker) {
            self.is_scan = false;
            self.shrinkers_ns += mem::take(&mut self.since);
        }
    }
}

fn span(kind: u8, start_ns: u64) -> Span {
    Span { start_ns, kind, order: i16::from(kind), ..Span::default() }
}

proptest! {
    #[test]
    fn it_does_what_a_stack_does(steps in steps()) {
        let (mut task, mut model) = (TaskSpans::default(), Model::default());
        let mut now = 0;
        for (step, pause) in steps {
            now += pause;
            model.pause(pause);
            match step {
                Step::Begin(kind) => prop_assert_eq!(task.begin(&span(kind, now)), model.begin(kind, now)),
                Step::End(kind) => {
                    let ended = task.end(kind, now);
                    prop_assert_eq!(ended, model.end(kind, now));
                    if let End::Finished { dur_ns, .. } = ended {
                        // The parts never overlap.
                        prop_assert!(task.spent.ns(Part::Scan) + task.spent.ns(Part::Shrinkers) + task.spent.ns(Part::SoftLimit) <= dur_ns);
                    }
                }
                // The programs look for an open span first.
                Step::Scan(_) | Step::Shrinker | Step::ShrinkerEnd if task.depth == 0 => {}
                Step::Scan(pages) => {
                    task.scan(pages);
                    model.scan(pages);
                }
                Step::Shrinker => {
                    task.shrinker_begin(1, now);
                    model.shrinker_begin();
                }
                Step::ShrinkerEnd => {
                    task.shrinker_end(now);
                    model.shrinker_end();
                }
                Step::Exit => (task, model) = (TaskSpans::default(), Model::default()),
            }
            prop_assert!(task.depth as usize <= DEPTH);
            let open: Vec<_> = task.spans[..task.depth as usize].iter().map(|s| (s.kind, s.start_ns)).collect();
            prop_assert_eq!(&open, &model.open);
            prop_assert_eq!(task.scanned_pages, model.scanned);
            prop_assert_eq!(task.spent.ns(Part::Scan), model.scan_ns);
            prop_assert_eq!(task.spent.ns(Part::Shrinkers), model.shrinkers_ns);
            prop_assert_eq!(task.spent.ns(Part::SoftLimit), model.soft_limit_ns);
        }
    }

    /// Every span that opened is accounted for exactly once, and no instant is counted in two stalls.
    #[test]
    fn spans_and_time_are_counted_once(steps in steps()) {
        let mut task = TaskSpans::default();
        let (mut now, mut opened, mut closed, mut lost, mut exited) = (0, 0_u32, 0_u32, 0_u32, 0_u32);
        let (mut stalled, mut free_from) = (0_u64, 0_u64);
        for (step, pause) in steps {
            now += pause;
            match step {
                Step::Begin(kind) => match task.begin(&span(kind, now)) {
                    Begin::Opened => opened += 1,
                    Begin::Replaced { inner } => {
                        opened += 1;
                        lost += 1 + inner;
                    }
                    Begin::Overflow => {}
                },
                Step::End(kind) => match task.end(kind, now) {
                    End::Unmatched => {}
                    End::Nested { lost: inner } => {
                        closed += 1;
                        lost += inner;
                    }
                    End::Finished { lost: inner, dur_ns } => {
                        closed += 1;
                        lost += inner;
                        prop_assert!(now - dur_ns >= free_from, "two stalls of one task overlap");
                        free_from = now;
                        stalled += dur_ns;
                    }
                },
                Step::Scan(pages) => task.scan(pages),
                Step::Shrinker => task.shrinker_begin(1, now),
                Step::ShrinkerEnd => task.shrinker_end(now),
                Step::Exit => {
                    exited += task.depth;
                    task = TaskSpans::default();
                }
            }
            prop_assert_eq!(opened, closed + lost + exited + task.depth);
            prop_assert!(stalled <= now);
        }
    }

    /// CPUs may disagree by a little: an end before its begin is a stall of length 0.
    #[test]
    fn a_clock_that_steps_back_gives_no_huge_stall(
        kind in proptest::sample::select(KINDS.to_vec()),
        now: u64,
        back: u64,
    ) {
        let mut task = TaskSpans::default();
        prop_assert_eq!(task.begin(&span(kind, now)), Begin::Opened);
        let end = now.saturating_sub(back);
        prop_assert_eq!(task.end(kind, end), End::Finished { lost: 0, dur_ns: 0 });
    }

    #[test]
    fn the_fields_of_the_begin_are_kept(
        kind in proptest::sample::select(KINDS.to_vec()),
        gfp in any::<u32>(),
        nid: i16,
    ) {
        let mut task = TaskSpans::default();
        let begun = Span { gfp, nid, ..span(kind, 1) };
        task.begin(&begun);
        prop_assert_eq!(task.spans[0], begun);
    }
}
