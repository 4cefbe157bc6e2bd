//! An experiment in words: its plan and its progress.

use std::time::Duration;

use super::{
    conduct::{Conductor, Phase},
    risk::Risk,
    schedule::Schedule,
    sides::Plan,
};
use memtrace_report::{
    document::{self, Column, Document, Shape, Table, TextForm},
    text,
};

/// Plan of an experiment as text, before it begins.
#[must_use]
pub fn plan(plan: &Plan, schedule: &Schedule, risks: &[Risk]) -> String {
    let mut out = Document::default();
    let column = |head| Column::new(head, Shape::Fit).after("  ");
    let mut table = Table::new([Column::new("setting", Shape::Fit).after(""), column("now"), column("A"), column("B")]);
    for item in &plan.items {
        let shown = |value: &String| item.knob.kind.shown(value).into();
        table.row([item.knob.shown().into(), shown(&item.first), shown(&item.a), shown(&item.b)]);
    }
    out.table(table);
    let count = schedule.blocks.len();
    out.sentence(format!(
        "{count} blocks of {} ({} pairs, smallest p {:.4}), plus {} to settle after each change: {} in all",
        time(schedule.block),
        count / 2,
        schedule.least_p(),
        time(schedule.settle),
        time(schedule.total()),
    ));
    out.sentence(format!("order {}  (--seed {})", schedule.order(), schedule.seed));
    for risk in risks {
        out.sentence(format!("! {}", risk.text));
    }
    document::text(&out, TextForm::default())
}

/// Progress in one line.
#[must_use]
pub fn progress(conductor: &Conductor, now_ns: u64) -> String {
    let left = time(Duration::from_secs(conductor.left(now_ns).as_secs()));
    let phase = |what: &str, until_ns: u64| {
        format!("{what} {} s more", until_ns.saturating_sub(now_ns).div_ceil(1_000_000_000))
    };
    let phase = match conductor.phase() {
        Phase::Between | Phase::Changing => "changing settings".to_owned(),
        Phase::Settling(until_ns) => phase("settling", until_ns),
        Phase::Measuring(until_ns) => phase("measuring", until_ns),
        Phase::Over => return "done".to_owned(),
    };
    let Some((number, block)) = conductor.block() else { return "done".to_owned() };
    format!("block {number} of {} ({}): {phase}, {left} left", conductor.blocks(), block.side.letter())
}

/// A duration, for a person.
#[must_use]
pub fn time(time: Duration) -> String {
    text::duration(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Conductor, Plan, Risk, Schedule, plan, progress};
    use crate::ab::plan::{Action, sides::Present};

    #[test]
    fn a_plan_says_all_that_will_be_done() {
        let schedule = Schedule::draw(12, Duration::from_secs(30), Duration::from_secs(5), 7).unwrap();
        let set = ["vm.swappiness=10".to_owned(), "cgroup:/web:memory.high=512M".to_owned()];
        let read = |knob: &super::super::Knob| {
            let value = if knob.name() == "vm.swappiness" { "60" } else { "max" };
            Ok(Present { value: value.to_owned(), cgroup_inode: None })
        };
        let the_plan = Plan::new(&set, &[], 4096, read).unwrap();
        let risks = [Risk { text: "it may hurt".to_owned(), refused: false }];
        insta::assert_snapshot!(plan(&the_plan, &schedule, &risks));
        let mut conductor = Conductor::new(schedule);
        assert!(matches!(conductor.advance(0), Some(Action::Change(_))));
        conductor.changed(0);
        insta::assert_snapshot!(progress(&conductor, 1_500_000_000));
    }
}
