//! Reads the spans that are open now from the maps.

use std::collections::BTreeMap;

use aya::maps::{Array, HashMap, Map, MapData, MapError};
use memtrace_common::{kind::StallKind, span::TaskSpans};

use super::{describe::chain, error::LoadError, pod::Raw};
use memtrace_core::session::input::{InFlight, OpenStall};

/// Maximum number of entries that are read: a map returns them one by one.
const MOST: usize = 12_288;

/// The maps of open spans.
pub(super) struct OpenSpans {
    spans: Array<MapData, Raw<TaskSpans>>,
    owners: HashMap<MapData, u32, u32>,
}

impl OpenSpans {
    /// Takes the maps by name.
    pub(super) fn of(mut take: impl FnMut(&str) -> Result<Map, LoadError>) -> Result<Self, LoadError> {
        let refused = |e: MapError| LoadError::Refused(chain(&e));
        Ok(Self {
            spans: Array::try_from(take("SPANS")?).map_err(refused)?,
            owners: HashMap::try_from(take("OWNERS")?).map_err(refused)?,
        })
    }

    /// The spans that are open now, by thread. Tasks come and go meanwhile, so that a span may be missed, or seen twice
    /// when the walk starts over at a removed entry: good for an estimate of stalls in flight, not for a count.
    pub(super) fn read(&self) -> BTreeMap<u32, TaskSpans> {
        // An entry that was removed between its key and its value is over.
        let entries = self.owners.keys().take(MOST).flatten().filter_map(|place| self.spans.get(&place, 0).ok());
        let open = entries.filter(|Raw(spans)| spans.tid != 0 && outermost(spans).is_some());
        open.map(|Raw(spans)| (spans.tid, spans)).collect()
    }
}

/// Kind and begin of the stall that a thread is in; a wait counts only while no span is open inside it.
fn outermost(spans: &TaskSpans) -> Option<(StallKind, u64)> {
    match spans.depth {
        0 => Some((StallKind::from_u8(spans.waits())?, spans.wait.start_ns)),
        _ => Some((StallKind::from_u8(spans.spans[0].kind)?, spans.spans[0].start_ns)),
    }
}

/// Stalls in flight by kind: their number, and the pages scanned so far.
pub(super) fn in_flight(open: &BTreeMap<u32, TaskSpans>) -> BTreeMap<StallKind, InFlight> {
    let mut kinds: BTreeMap<StallKind, InFlight> = BTreeMap::new();
    for spans in open.values() {
        if let Some((kind, _)) = outermost(spans) {
            let sum = kinds.entry(kind).or_default();
            sum.stalls += 1;
            // While a thread only waits, the counts in its entry are those of an earlier stall.
            let scanned_pages = if spans.depth > 0 { spans.scanned_pages } else { 0 };
            sum.scanned_pages = sum.scanned_pages.saturating_add(scanned_pages);
        }
    }
    kinds
}

/// Stalls in flight one by one, the longest first, without memtrace's own.
pub(super) fn open_stalls(open: &BTreeMap<u32, TaskSpans>) -> Vec<OpenStall> {
    let stall = |(&tid, spans): (&u32, &TaskSpans)| {
        let (kind, begin_ns) = outermost(spans)?;
        Some(OpenStall { pid: spans.tgid, tid, comm: None, kind, begin_ns })
    };
    let mut stalls: Vec<_> = open.iter().filter_map(stall).collect();
    stalls.retain(|stall| stall.pid != std::process::id());
    stalls.sort_by_key(|stall| (stall.begin_ns, stall.tid));
    stalls
}
