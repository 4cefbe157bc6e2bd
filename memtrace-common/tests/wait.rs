//! Waits outside the spans, with stalls inside them: time is counted once, in any order.

use memtrace_common::{
    kind::StallKind,
    span::{End, Span, TaskSpans},
    wait::NO_WAIT,
};
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

#[derive(Clone, Copy, Debug)]
enum Step {
    Enter,
    Leave,
    Fault,
    FaultEnd { slept: bool, major: bool },
    Begin(StallKind),
    End(StallKind),
}

const SPANS: [StallKind; 3] = [StallKind::Direct, StallKind::Memcg, StallKind::MemcgHigh];

fn steps() -> impl Strategy<Value = Vec<(Step, u64)>> {
    let kind = || proptest::sample::select(SPANS.to_vec());
    let step = prop_oneof![
        3 => proptest::strategy::Just(Step::Enter),
        3 => proptest::strategy::Just(Step::Leave),
        2 => proptest::strategy::Just(Step::Fault),
        2 => (any::<bool>(), any::<bool>()).prop_map(|(slept, major)| Step::FaultEnd { slept, major }),
        3 => kind().prop_map(Step::Begin),
        3 => kind().prop_map(Step::End),
    ];
    proptest::collection::vec((step, 1..1_000_000_u64), 0..200)
}

const fn span(kind: StallKind, start_ns: u64) -> Span {
    Span { start_ns, gfp: 0, fields: 0, order: 0, nid: 0, kind: kind as u8, pad: [0; 3] }
}

proptest! {
    /// No instant of a task is counted in two stalls: the sum of all is never longer than the elapsed time.
    #[test]
    fn time_is_counted_once(steps in steps()) {
        let mut task = TaskSpans::default();
        let (mut now, mut stalled, mut switches) = (0, 0, 0_u64);
        for (step, pause) in steps {
            now += pause;
            let counted = match step {
                Step::Enter => {
                    task.memstall_enter(now, false);
                    None
                }
                Step::Leave => task.memstall_leave(now),
                Step::Fault => {
                    task.swap_fault_begin(now, switches);
                    None
                }
                Step::FaultEnd { slept, major } => {
                    switches += u64::from(slept);
                    task.swap_fault_end(now, switches, major)
                }
                Step::Begin(kind) => {
                    task.begin(&span(kind, now));
                    None
                }
                Step::End(kind) => match task.end(kind as u8, now) {
                    End::Finished { dur_ns, .. } => {
                        task.counted(dur_ns);
                        Some(dur_ns)
                    }
                    _ => None,
                },
            };
            stalled += counted.unwrap_or(0);
            prop_assert!(stalled <= now, "{stalled} ns of stalls in {now} ns");
        }
    }

    /// A swap fault and the stalls inside it add up to the time from its begin to its end.
    #[test]
    fn a_fault_and_its_stalls_add_up(stalls in proptest::collection::vec((1..1000_u64, 1..1000_u64), 0..10)) {
        let mut task = TaskSpans::default();
        task.swap_fault_begin(100, 0);
        let (mut now, mut inside) = (100, 0);
        for (before, dur_ns) in stalls {
            now += before;
            task.begin(&span(StallKind::Memcg, now));
            now += dur_ns;
            let end = task.end(StallKind::Memcg as u8, now);
            prop_assert_eq!(end, End::Finished { lost: 0, dur_ns });
            task.counted(dur_ns);
            inside += dur_ns;
        }
        let waited = task.swap_fault_end(now + 5, 0, true);
        prop_assert_eq!(waited, Some(now + 5 - 100 - inside));
        prop_assert!(task.is_idle());
    }
}

#[test]
fn a_section_that_nothing_explains_is_a_wait() {
    let mut task = TaskSpans::default();
    task.memstall_enter(10, false);
    assert_eq!(task.waits(), StallKind::Thrash as u8);
    task.memstall_enter(20, false);
    assert_eq!(task.memstall_leave(30), None, "a section inside another one");
    assert_eq!(task.memstall_leave(50), Some(40));
    assert_eq!(task.waits(), NO_WAIT);
    assert!(task.is_idle());
}

#[test]
fn a_section_around_a_reclaim_is_that_reclaim() {
    let mut task = TaskSpans::default();
    task.memstall_enter(10, false);
    task.begin(&span(StallKind::Direct, 12));
    assert_eq!(task.end(StallKind::Direct as u8, 40), End::Finished { lost: 0, dur_ns: 28 });
    task.counted(28);
    assert_eq!(task.memstall_leave(41), None);
}

#[test]
fn a_page_that_was_in_the_swap_cache_is_no_wait() {
    let mut task = TaskSpans::default();
    task.swap_fault_begin(10, 7);
    assert_eq!(task.swap_fault_end(20, 7, false), None);
    task.swap_fault_begin(30, 7);
    task.memstall_enter(31, false);
    assert_eq!(task.memstall_leave(44), None);
    assert_eq!(task.swap_fault_end(45, 8, false), Some(15), "it slept for somebody else's read");
    task.swap_fault_begin(46, 8);
    assert_eq!(task.swap_fault_end(49, 9, false), None, "it slept for a migration");
    task.swap_fault_begin(50, 9);
    task.memstall_enter(51, false);
    assert_eq!(task.memstall_leave(58), None, "the section is the fault's");
    assert_eq!(task.swap_fault_end(60, 9, true), Some(10));
}

#[test]
fn what_began_before_the_attaching_is_not_counted() {
    let mut task = TaskSpans::default();
    assert_eq!(task.memstall_leave(10), None);
    assert_eq!(task.swap_fault_end(20, 1, true), None);
    assert!(task.is_idle());
}

#[test]
fn a_section_whose_leave_was_lost_hides_no_later_one() {
    let mut task = TaskSpans::default();
    assert!(!task.memstall_enter(10, true));
    assert!(!task.memstall_enter(20, false), "inside it");
    assert_eq!(task.memstall_leave(30), None);
    assert!(task.memstall_enter(100, true), "the leave of the outer one was lost");
    assert_eq!(task.memstall_leave(140), Some(40));
    assert!(task.is_idle());
    // If the kernel does not report the outermost section, a lost leave is not noticed.
    task.memstall_enter(200, false);
    assert!(!task.memstall_enter(300, false));
    assert_eq!((task.memstall_leave(310), task.waits()), (None, StallKind::Thrash as u8));
}
