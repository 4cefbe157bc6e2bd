//! The end of a replay: remarks on the way, and the result.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    damage::Damaged,
    engine::{CLOCK_SET_NS, Replay},
    note::Note,
    watch::Watch,
    window::Window,
};
use memtrace_core::{
    host_facts::{
        cgroups::{self, CgroupChange},
        change::Change,
    },
    session::{incomplete::Incomplete, input::TickInput, summary::Summary},
    sum,
};
use memtrace_trace::{
    mark::BlockMark,
    model::{End, EndReason, Meta, Remark, RemarkKind, Setting},
};

impl Replay {
    pub(super) fn remark(&mut self, remark: &Remark, watch: &mut impl Watch) {
        match remark.kind {
            RemarkKind::EventsStopped => {
                self.notes.push(Note::EventsStopped { t_ns: remark.t_ns, text: remark.text.clone() });
            }
            RemarkKind::Changed => return self.changed(remark, watch),
            RemarkKind::Cgroups => self.cgroups_changed(&cgroups::of_text(&remark.text)),
            RemarkKind::BlockBegin => {
                let mark = BlockMark::of_text(&remark.text);
                for Setting { name, value } in mark.into_iter().flat_map(|mark| mark.settings) {
                    self.meta.host.change(&name, value.as_ref());
                }
            }
            RemarkKind::Trigger | RemarkKind::BlockEnd | RemarkKind::Unknown => {}
        }
        if self.begun {
            watch.remark(remark);
        }
    }

    /// Changes a setting of the host, with a note when it lies in the time that is shown.
    fn changed(&mut self, remark: &Remark, watch: &mut impl Watch) {
        let Some(change) = Change::of_text(&remark.text) else { return };
        let is_older = !self.meta.setup.cgroup_remarks;
        if let Some(new) = self.coming.in_older_trace(&self.meta.host, &change).filter(|_| is_older) {
            return self.cgroups_changed(&[new]);
        }
        self.meta.host.change(&change.name, change.after.as_ref());
        if self.shown_ticks > 0 {
            self.notes.push(Note::Changed { t_ns: remark.t_ns, change });
        }
        if self.begun {
            watch.remark(remark);
        }
    }

    /// Adds new cgroups to the host, and removes those that are gone.
    fn cgroups_changed(&mut self, changes: &[CgroupChange]) {
        for change in changes {
            self.meta.host.change_cgroup(change);
            self.coming.take(change, self.shown_ticks > 0);
        }
    }

    pub(super) fn end(&mut self, end: &End) {
        self.ended = end.reason != EndReason::NextSegment;
        if self.begun {
            self.session.end(end.lost, &end.open);
        }
    }

    /// The result: the summary, with the paths of cgroups and the notes.
    #[must_use]
    pub fn finish(mut self) -> Finished {
        // A replay that stops at the end of its window needs no note on the end of the trace.
        if !self.ended && !self.done {
            let until_ns = self.ticks_ns.map(|(_, last)| last);
            self.notes.push(Note::NoEnd { until_ns, stalls: self.stalls_since_tick });
        }
        let (damaged_parts, damaged_bytes) = self.damage.as_ref().map_or((0, 0), Damaged::lost);
        if let Some(damage) = self.damage.take() {
            self.notes.push(damage.note());
        }
        self.notes.extend((self.suspended_ns > CLOCK_SET_NS).then_some(Note::Suspended { ns: self.suspended_ns }));
        let [stalls, total_ns, left_out] = self.unrecorded;
        if stalls > 0 {
            let min_stall_ns = self.meta.setup.min_stall_ns;
            self.notes.push(Note::Unrecorded { stalls, total_ns, left_out, min_stall_ns });
        }
        if self.shown_ticks == 0 && self.ticks_ns.is_some() {
            self.notes.push(if self.options.window == Window::default() {
                Note::NoInterval
            } else {
                Note::EmptyWindow { ticks_ns: self.ticks_ns, interval_ns: self.meta.setup.interval_ns }
            });
        }
        let churn = Some(self.coming.churn).filter(|churn| !churn.is_empty());
        let incomplete = incomplete(&self.notes, Incomplete { damaged_parts, damaged_bytes, ..Incomplete::default() });
        let summary = Summary { churn, incomplete, ..self.session.summary() };
        Finished { summary, paths: self.paths, notes: self.notes, meta: self.meta, is_empty: self.shown_ticks == 0 }
    }
}

/// Damaged parts, with the missing parts that the notes report; `None` when there are none.
fn incomplete(notes: &[Note], mut all: Incomplete) -> Option<Incomplete> {
    for note in notes {
        match note {
            Note::NoMeta => all.no_beginning = true,
            Note::NoEnd { .. } => all.no_end = true,
            Note::Gap { segments: (first, last), .. } => {
                sum::add(&mut all.missing_segments, u64::from(last.saturating_sub(*first)) + 1);
            }
            Note::Cut { .. } => sum::add(&mut all.missing_segments, 1),
            _ => {}
        }
    }
    (all != Incomplete::default()).then_some(all)
}

/// The end of a replay.
#[derive(Debug)]
pub struct Finished {
    /// The summary.
    pub summary: Summary,
    /// Paths of cgroups.
    pub paths: BTreeMap<u64, Arc<[u8]>>,
    /// The notes.
    pub notes: Vec<Note>,
    /// The beginning, with the changes from later in the trace.
    pub meta: Meta,
    /// True when no tick was shown.
    pub is_empty: bool,
}

/// Count, and time in ns, of all stalls that events reported.
pub(super) fn reported_sum(input: &TickInput) -> (u64, u64) {
    input.reported.iter().fold((0, 0), |(count, total_ns), reported| {
        (u64::saturating_add(count, reported.count), u64::saturating_add(total_ns, reported.total_ns))
    })
}
