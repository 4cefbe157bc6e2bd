//! The interface of an output: items in, bytes out.

use std::{fmt::Debug, io, sync::Arc};

use crate::{
    json::MetaInput,
    replay::Finished,
    report::Collector,
    text::{Style, describe_filter},
};
use memtrace_core::{
    clock::Clock,
    gfp::GfpNames,
    names::Names,
    session::{
        filter::CgroupNames,
        item::{Item, kill_paths},
        summary::Summary,
    },
};

/// An output of one session or recording. It returns bytes and writes nothing itself.
pub trait Sink: Debug + Send {
    /// The bytes before the first item.
    fn start(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// The bytes of an item; empty where this output does not have it. The summary comes to [`Sink::end`] instead.
    fn item(&mut self, item: Item) -> Vec<u8>;

    /// The last bytes.
    ///
    /// # Errors
    /// When the output needs data that are not there: what is missing, and the command that records it.
    fn end(&mut self, end: &End<'_>) -> Result<Vec<u8>, String>;
}

/// An output without any bytes.
#[derive(Debug)]
pub struct Silent;

impl Sink for Silent {
    fn item(&mut self, _: Item) -> Vec<u8> {
        Vec::new()
    }

    fn end(&mut self, _: &End<'_>) -> Result<Vec<u8>, String> {
        Ok(Vec::new())
    }
}

/// The facts that are known before the first item.
#[derive(Clone, Copy)]
pub struct Start<'a> {
    /// Times.
    pub clock: &'a Clock,
    /// Allocation flags.
    pub gfp: &'a GfpNames,
    /// Start of the tracing, `CLOCK_MONOTONIC` in ns.
    pub start_ns: u64,
    /// Host, kernel, hooks and filter.
    pub meta: MetaInput<'a>,
}

impl Start<'_> {
    /// The filter in words, empty without one.
    #[must_use]
    pub fn filter(&self) -> String {
        describe_filter(self.meta.filter)
    }
}

/// The appearance of text.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Colours.
    pub style: Style,
    /// Columns of the terminal; `None` for a pipe.
    pub width: Option<usize>,
    /// True when the text may hold more than ASCII.
    pub utf8: bool,
    /// Rows in each table.
    pub top: usize,
    /// True when another recording was written before.
    pub follows: bool,
}

/// The result of a session or a recording.
#[derive(Clone, Copy)]
pub struct End<'a> {
    /// Totals and tables.
    pub summary: &'a Summary,
    /// Paths of all cgroups in the summary.
    pub paths: &'a dyn CgroupNames,
    /// The recording, in `report`. `None` in `live` and `replay`, which wrote the items already.
    pub recording: Option<Recorded<'a>>,
}

/// A recording that was read to its end.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    /// The summary with its notes.
    pub finished: &'a Finished,
    /// Latency over time, and the tables of --by.
    pub collector: &'a Collector,
}

impl<'a> Recorded<'a> {
    /// The end of this recording.
    #[must_use]
    pub fn end(self) -> End<'a> {
        End { summary: &self.finished.summary, paths: &self.finished.paths, recording: Some(self) }
    }
}

/// The bytes of an item, be it the summary or another one.
///
/// # Errors
/// An error of kind `Unsupported`, with the message of [`Sink::end`].
pub fn bytes_of(sink: &mut dyn Sink, item: Item) -> io::Result<Vec<u8>> {
    match item {
        Item::Summary(summary, paths) => {
            let end = End { summary: &summary, paths: &ItemPaths(&paths), recording: None };
            sink.end(&end).map_err(|why| io::Error::new(io::ErrorKind::Unsupported, why))
        }
        item => Ok(sink.item(item)),
    }
}

/// The clock and the allocation flags of [`Names`], which outlive [`Start`].
#[derive(Clone, Debug)]
pub(super) struct OwnedNames {
    clock: Clock,
    gfp: GfpNames,
}

impl OwnedNames {
    pub(super) fn of(start: &Start<'_>) -> Self {
        Self { clock: start.clock.clone(), gfp: start.gfp.clone() }
    }

    /// The names in an item or a summary, with these paths of cgroups.
    pub(super) fn with<'a>(&'a self, cgroups: &'a dyn CgroupNames) -> Names<'a> {
        Names { clock: &self.clock, cgroups, gfp: &self.gfp }
    }
}

/// The paths that came with an item.
pub(super) struct ItemPaths<'a>(pub(super) &'a [(u64, Arc<[u8]>)]);

impl CgroupNames for ItemPaths<'_> {
    fn path(&self, id: u64) -> Option<&[u8]> {
        self.0.iter().find(|(known, _)| *known == id).map(|(_, path)| &**path)
    }
}

/// The paths of the cgroups that an event names. None for a tick: no output shows the cgroups in its rows.
pub(super) fn paths_of(item: &Item) -> Vec<(u64, Arc<[u8]>)> {
    match item {
        Item::Stall(stall, path) => stall.cgroup_id.zip(path.clone()).into_iter().collect(),
        Item::Oom(oom, paths) => kill_paths(oom, paths),
        Item::AtStart(_) | Item::Kswapd(_) | Item::Freed(_) | Item::Tick(..) | Item::Said(_) | Item::Summary(..) => {
            Vec::new()
        }
    }
}
