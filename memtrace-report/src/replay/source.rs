//! The sources that feed a replay.

use std::collections::VecDeque;

use memtrace_core::session::filter::CgroupNames;
use memtrace_trace::{
    BlockSource, ReadError, Reader, TraceItem,
    model::{Entry, Meta},
};

use super::{
    engine::Replay,
    watch::{Flow, Watch},
};

/// A recording, item by item: a trace file, or another tool's file that is read as one.
pub trait Source {
    /// The reason why nothing more can be read.
    type Error;

    /// The next item; `None` at the end.
    ///
    /// # Errors
    /// When nothing more can be read.
    fn next_item(&mut self) -> Result<Option<TraceItem>, Self::Error>;

    /// The entries that belong to the last item, a [`TraceItem::Entries`].
    fn entries(&self) -> &[Entry];

    /// The paths of all cgroups that items have named by now.
    fn paths(&self) -> &dyn CgroupNames;
}

impl<B: BlockSource> Source for Reader<B> {
    type Error = ReadError;

    fn next_item(&mut self) -> Result<Option<TraceItem>, ReadError> {
        Reader::next_item(self)
    }

    fn entries(&self) -> &[Entry] {
        Reader::entries(self)
    }

    fn paths(&self) -> &dyn CgroupNames {
        Reader::paths(self)
    }
}

/// The beginning of a recording.
#[derive(Debug)]
pub struct Beginning {
    /// The META of its first segment; `None` where that is lost.
    pub meta: Option<Meta>,
    /// The items read while looking for META. Give them to the replay before the source's next item.
    pub read: VecDeque<TraceItem>,
}

impl Beginning {
    /// Reads the beginning; `None` when the source has nothing at all.
    ///
    /// # Errors
    /// When the source fails.
    pub fn of<S: Source>(source: &mut S) -> Result<Option<Self>, S::Error> {
        let mut read = VecDeque::new();
        loop {
            match source.next_item()? {
                None if read.is_empty() => return Ok(None),
                None => return Ok(Some(Self { meta: None, read })),
                Some(TraceItem::Meta(meta)) => return Ok(Some(Self { meta: Some(*meta), read })),
                // Damage may come before the beginning.
                Some(item @ TraceItem::Damage(_)) => read.push_back(item),
                Some(item) => {
                    read.push_back(item);
                    return Ok(Some(Self { meta: None, read }));
                }
            }
        }
    }
}

impl Replay {
    /// Takes items until the source ends, the window is over, or `go_on` is false.
    ///
    /// # Errors
    /// When the source fails.
    pub fn play<S: Source>(
        &mut self,
        source: &mut S,
        watch: &mut impl Watch,
        go_on: impl Fn() -> bool,
    ) -> Result<Played, S::Error> {
        while go_on() {
            let Some(item) = source.next_item()? else {
                self.release_held(source.paths(), watch);
                return Ok(Played::ToTheEnd);
            };
            if self.ingest(&item, source.entries(), source.paths(), watch) == Flow::Done {
                return Ok(Played::ToTheWindow);
            }
        }
        Ok(Played::Stopped)
    }
}

/// The reason why playing stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Played {
    /// The source has nothing more.
    ToTheEnd,
    /// The window is over.
    ToTheWindow,
    /// The caller asked for it.
    Stopped,
}
