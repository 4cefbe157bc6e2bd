//! Recordings put together from pieces of the inputs: by the content of the files, never by their names.

use std::{io::Read, sync::Arc};

use memtrace_trace::{
    ReadError,
    index::{Piece, RecordingId, SegmentId},
    splice::Blocks,
};

/// A piece, with the number of its input.
type Found = (usize, Piece);

/// A recording.
#[derive(Debug)]
pub(super) struct Recording {
    /// Identity of the recording; `None` when its beginning is lost.
    pub(super) id: Option<Arc<RecordingId>>,
    /// Segments in the inputs, by number.
    pub(super) segments: Vec<SegmentPieces>,
}

/// A segment of a recording.
#[derive(Debug)]
pub(super) struct SegmentPieces {
    pub(super) number: u32,
    /// Pieces of the segment, without copies.
    pub(super) pieces: Vec<Found>,
    /// True when several pieces were found.
    pub(super) is_shared: bool,
}

impl Recording {
    /// Puts pieces together, in the order in which they were named. `read` returns the bytes of a piece.
    pub(super) fn of<R: Read>(
        mut pieces: Vec<Found>,
        read: impl Fn(usize, &Piece) -> Result<R, ReadError>,
    ) -> Vec<Self> {
        let list = |(file, piece): &Found| read(*file, piece).and_then(|input| Blocks::of(input, piece.begin)).ok();
        // A piece whose segment is known can be the link to that of another one.
        let mut is_new = true;
        while std::mem::take(&mut is_new) {
            for at in 0..pieces.len() {
                if pieces[at].1.id.is_none() {
                    pieces[at].1.id = parent(&pieces, at, &list);
                    is_new |= pieces[at].1.id.is_some();
                }
            }
        }
        let mut all: Vec<Self> = Vec::new();
        for found in pieces {
            let of_it: Vec<usize> = (0..all.len()).filter(|at| all[*at].has(&found, &list)).collect();
            let Some((&first, others)) = of_it.split_first() else {
                let id = found.1.id.as_ref().map(|id| Arc::clone(&id.recording));
                let mut recording = Self { id, segments: Vec::new() };
                recording.add(found);
                all.push(recording);
                continue;
            };
            // It joins recordings that had no block in common before.
            for &other in others.iter().rev() {
                let other = all.remove(other);
                other.segments.into_iter().flat_map(|segment| segment.pieces).for_each(|piece| all[first].add(piece));
            }
            all[first].add(found);
        }
        all.iter_mut().for_each(|recording| recording.segments.sort_by_key(|segment| segment.number));
        all
    }

    /// True when a piece belongs to this recording.
    fn has(&self, found: &Found, list: &impl Fn(&Found) -> Option<Blocks>) -> bool {
        match (&self.id, &found.1.id) {
            (Some(known), Some(id)) => *known == id.recording,
            (None, None) => {
                self.segments.iter().flat_map(|segment| &segment.pieces).any(|other| overlap(other, found, list))
            }
            _ => false,
        }
    }

    fn add(&mut self, found: Found) {
        let number = found.1.id.as_ref().map_or(0, |id| id.segment);
        match self.segments.iter_mut().find(|segment| segment.number == number) {
            Some(segment) => {
                segment.is_shared = true;
                if !segment.pieces.iter().any(|(_, piece)| is_copy(piece, &found.1)) {
                    segment.pieces.push(found);
                }
            }
            None => self.segments.push(SegmentPieces { number, pieces: vec![found], is_shared: false }),
        }
    }

    /// Begin, `CLOCK_MONOTONIC` in ns.
    pub(super) fn start_ns(&self) -> u64 {
        self.spans().map(|(start_ns, _)| start_ns).min().unwrap_or(0)
    }

    /// The last tick in it, `CLOCK_MONOTONIC` in ns; `None` when it holds none.
    pub(super) fn last_tick_ns(&self) -> Option<u64> {
        self.segments.iter().flat_map(|segment| &segment.pieces).filter_map(|(_, piece)| piece.last_tick_ns).max()
    }

    /// Begin and last tick of each segment, `CLOCK_MONOTONIC` in ns.
    pub(super) fn spans(&self) -> impl Iterator<Item = (u64, u64)> {
        self.segments.iter().map(|segment| {
            let start_ns = segment.pieces.iter().map(|(_, piece)| piece.start_ns).min().unwrap_or(0);
            let last_ns = segment.pieces.iter().filter_map(|(_, piece)| piece.last_tick_ns).max();
            (start_ns, last_ns.unwrap_or(start_ns))
        })
    }

    /// The first and the last segment that is in the inputs more than once.
    pub(super) fn shared(&self) -> Option<(u32, u32)> {
        let mut shared = self.segments.iter().filter(|segment| segment.is_shared).map(|segment| segment.number);
        let first = shared.next()?;
        Some((first, shared.next_back().unwrap_or(first)))
    }
}

fn is_copy(a: &Piece, b: &Piece) -> bool {
    (a.digest, a.end - a.begin) == (b.digest, b.end - b.begin)
}

fn overlap(a: &Found, b: &Found, list: &impl Fn(&Found) -> Option<Blocks>) -> bool {
    let end_ns = |piece: &Piece| piece.last_tick_ns.unwrap_or(u64::MAX);
    let apart = a.1.start_ns > end_ns(&b.1) || b.1.start_ns > end_ns(&a.1);
    is_copy(&a.1, &b.1) || !apart && list(a).zip(list(b)).is_some_and(|(a, b)| a.overlap(&b))
}

/// The segment of a piece whose META is lost: that of another piece with a common block, or else the one before the
/// segment that follows in the same input without a gap.
fn parent(pieces: &[Found], at: usize, list: &impl Fn(&Found) -> Option<Blocks>) -> Option<SegmentId> {
    let lost = &pieces[at];
    let mut others = pieces.iter().filter(|(_, piece)| piece.id.is_some());
    if let Some((_, sibling)) = others.clone().find(|other| overlap(other, lost, list)) {
        return sibling.id.clone();
    }
    let next =
        pieces.get(at + 1).filter(|(file, next)| *file == lost.0 && Some(next.start_ns) == lost.1.last_tick_ns)?;
    let id = next.1.id.as_ref()?;
    let before = SegmentId { segment: id.segment.checked_sub(1)?, ..id.clone() };
    others.find(|(_, piece)| piece.id.as_ref() == Some(&before)).map(|_| before)
}
