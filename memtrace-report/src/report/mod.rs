//! The report of a trace, on one page: host and settings of the recording, tuned settings, latency over time, then
//! exactly the summary that live shows. Pure.

mod collect;
mod group;
mod head;
mod heat;
mod tuned;

pub use self::{
    collect::Collector,
    group::{GroupTable, Groups},
    heat::{HeatMap, Mark},
};
use crate::{
    document::Document,
    replay::Finished,
    text::{self, SummaryView},
};
use memtrace_core::{clock::Clock, gfp::GfpNames, names::Names, session::filter::Filter};

/// Form of a report.
#[derive(Clone, Copy)]
pub struct ReportView<'a> {
    /// Times.
    pub clock: &'a Clock,
    /// The filter in force.
    pub filter: &'a Filter,
    /// Rows of each table.
    pub top: usize,
    /// Columns of the terminal; `None` for names in full.
    pub width: Option<usize>,
    /// True when the report may hold more than ASCII.
    pub utf8: bool,
}

/// The report.
#[must_use]
pub fn document(finished: &Finished, collector: &Collector, view: &ReportView<'_>) -> Document {
    let gfp = GfpNames::from_list(&finished.meta.setup.gfp_names);
    let names = Names { clock: view.clock, cgroups: &finished.paths, gfp: &gfp };
    let mut out = Document::default();
    head::head(&mut out, finished, view);
    tuned::tuned(&mut out, finished, view.top);
    let map = collector.heat.render(view.clock, view.width, view.utf8);
    if !map.is_empty() {
        out.gap();
        out.figure(map.lines().map(str::to_owned));
    }
    let filter = text::describe_filter(view.filter);
    let summary = SummaryView { names, top: view.top, filter: &filter, width: view.width };
    text::summary(&mut out, &finished.summary, &summary);
    for table in collector.groups.tables(&finished.summary, &names) {
        table.add(&mut out, view.top);
    }
    out
}
