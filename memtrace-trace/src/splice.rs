//! One segment out of several pieces of it, each of which may lack blocks: every block once, in the order of the
//! writer.
//!
//! A recorder writes a block once and puts the same bytes into each file, so that a header, with its times, its lengths
//! and the checksum of its payload, is the identity of a block.

use std::{
    collections::{HashMap, HashSet},
    io::Read,
};

use super::{
    damage::Damage,
    error::ReadError,
    frame::{BlockKind, HEADER, Header},
    scan::{Scanned, Scanner},
};

/// A block of a piece, or damage between blocks.
#[derive(Clone, Debug)]
enum Element {
    Block {
        header: Header,
        offset: u64,
    },
    /// With the headers of the blocks whose content is in it.
    Damage(Damage, Vec<Header>),
}

/// The content of a piece of a segment, as a list of its blocks.
#[derive(Clone, Debug)]
pub struct Blocks(Vec<Element>);

impl Blocks {
    /// Lists the blocks of a piece that begins at this offset of its file.
    ///
    /// # Errors
    /// When the input fails.
    pub fn of(input: impl Read, offset: u64) -> Result<Self, ReadError> {
        let mut scanner = Scanner::at(input, offset);
        let mut all = Vec::new();
        loop {
            match scanner.next_block() {
                Ok(None) => return Ok(Self(all)),
                Ok(Some(Scanned::Block(block))) => {
                    all.push(Element::Block { header: block.header, offset: block.offset });
                }
                Ok(Some(Scanned::Damage(damage))) => all.push(Element::Damage(damage, scanner.lost().to_vec())),
                Err(e) => return Err(e),
            }
        }
    }

    /// True when two pieces have a block in common.
    #[must_use]
    pub fn overlap(&self, other: &Self) -> bool {
        let headers = |blocks: &Self| blocks.0.iter().filter_map(Element::anchor).collect::<Vec<_>>();
        let ours: HashSet<Header> = headers(self).into_iter().collect();
        headers(other).iter().any(|header| ours.contains(header))
    }
}

impl Element {
    /// The identity of a block that is in a segment once; `None` for blocks without a time: paths of cgroups repeat.
    fn anchor(&self) -> Option<Header> {
        match self {
            Self::Block { header, .. } if header.last_ns > 0 => Some(*header),
            _ => None,
        }
    }

    fn header(&self) -> Option<Header> {
        if let Self::Block { header, .. } = self { Some(*header) } else { None }
    }

    fn kind(&self) -> Option<BlockKind> {
        if let Self::Block { header, .. } = self { BlockKind::of(header.kind) } else { None }
    }

    fn bytes(&self) -> u64 {
        match self {
            Self::Block { header, .. } => HEADER as u64 + u64::from(header.stored_len),
            Self::Damage(damage, _) => damage.bytes,
        }
    }

    /// Order of blocks of the same time: that in which they are written.
    fn rank(&self) -> u8 {
        match self.kind() {
            Some(BlockKind::Meta) => 1,
            Some(BlockKind::Events) => 2,
            Some(BlockKind::Rows) => 3,
            Some(BlockKind::Stacks) => 4,
            Some(BlockKind::Tick) => 5,
            Some(BlockKind::Clock | BlockKind::Remark) => 6,
            Some(BlockKind::End) => 7,
            None | Some(BlockKind::Dict) => 8,
        }
    }
}

/// An element with its place in time and the pieces that have it.
#[derive(Clone, Debug)]
struct Placed {
    /// Number of the piece that its bytes are taken from.
    piece: usize,
    element: Element,
    /// Time and rank of the element. An element without a time has that of the last block before it with one; paths
    /// have the rank of that block, too.
    key: (u64, u8),
    /// Bit mask of the damaged pieces that have it.
    held: u64,
}

/// A part of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Whole blocks of a piece.
    Bytes {
        /// Number of the piece.
        piece: usize,
        /// First byte in its file.
        begin: u64,
        /// Byte after the last.
        end: u64,
    },
    /// Damage that no other piece makes up for.
    Damage {
        /// Number of the piece.
        piece: usize,
        /// The damage.
        damage: Damage,
    },
}

/// A segment put together, and its damaged pieces that cost the segment nothing.
#[derive(Clone, Debug, Default)]
pub struct Spliced {
    /// Parts of the segment, in order.
    pub parts: Vec<Part>,
    /// Numbers of pieces with damage that other pieces make up for.
    pub healed: Vec<usize>,
}

/// Puts the pieces of a segment together.
#[must_use]
pub fn splice(pieces: Vec<Blocks>) -> Spliced {
    let mut order: Vec<(usize, Blocks)> = pieces.into_iter().enumerate().collect();
    // The longest piece comes first; the others fill its gaps.
    order.sort_by_key(|(_, blocks)| std::cmp::Reverse(blocks.0.len()));
    let mut bits = (0..u64::BITS).map(|n| 1 << n);
    let mut all: Vec<Placed> = Vec::new();
    for (piece, blocks) in order {
        let is_damaged = blocks.0.iter().any(|element| matches!(element, Element::Damage(..)));
        let held = if is_damaged { bits.next().unwrap_or(0) } else { 0 };
        all = merge(all, placed(piece, blocks, held));
    }
    let goes_on = all.iter().rposition(|placed| !matches!(placed.element.kind(), None | Some(BlockKind::End)));
    let known: HashSet<Header> = all.iter().filter_map(|placed| placed.element.header()).collect();
    let mut spliced = Spliced::default();
    for (at, placed) in all.iter().enumerate() {
        match &placed.element {
            // A file was ended there while the recorder went on.
            Element::Block { .. } if placed.element.kind() == Some(BlockKind::End) && goes_on > Some(at) => {}
            Element::Block { offset, .. } => push(&mut spliced.parts, placed, *offset),
            Element::Damage(damage, _) if is_healed(&all, &known, at) => {
                // A file that just ends is not damaged.
                spliced.healed.extend((!damage.is_cut).then_some(placed.piece));
            }
            Element::Damage(damage, _) => {
                spliced.parts.push(Part::Damage { piece: placed.piece, damage: damage.clone() });
            }
        }
    }
    spliced
}

fn push(parts: &mut Vec<Part>, placed: &Placed, offset: u64) {
    let until = offset + placed.element.bytes();
    match parts.last_mut() {
        Some(Part::Bytes { piece, end, .. }) if *piece == placed.piece && *end == offset => *end = until,
        _ => parts.push(Part::Bytes { piece: placed.piece, begin: offset, end: until }),
    }
}

fn placed(piece: usize, blocks: Blocks, held: u64) -> Vec<Placed> {
    let mut last = (0, 0);
    let place = |element: Element| {
        let key = match element.anchor() {
            Some(header) => (header.place_ns(), element.rank()),
            // Early rather than late: the next block may need a path, and may have the time of the previous one.
            None if element.kind() == Some(BlockKind::Dict) => last,
            None => (last.0, element.rank()),
        };
        if element.anchor().is_some() {
            last = key;
        }
        Placed { piece, key, element, held }
    };
    blocks.0.into_iter().map(place).collect()
}

/// Fills the elements that only `more` has into `base`.
fn merge(mut base: Vec<Placed>, more: Vec<Placed>) -> Vec<Placed> {
    let mut at: HashMap<Header, usize> = HashMap::with_capacity(base.len());
    for (n, placed) in base.iter().enumerate() {
        if let Element::Block { header, .. } = placed.element {
            at.entry(header).or_insert(n);
        }
    }
    let same = |placed: &Placed| match placed.element {
        Element::Block { header, .. } => at.get(&header).copied(),
        Element::Damage(..) => None,
    };
    // Blocks of paths repeat with the same bytes: one at a later place is not this one.
    let comes_later = |placed: &Placed, here: usize| placed.element.anchor().is_none() && base[here].key > placed.key;
    let known: Vec<Option<usize>> =
        more.iter().map(|placed| same(placed).filter(|here| !comes_later(placed, *here))).collect();
    // Index of the element of the base before which a new one must come.
    let mut limit = base.len();
    let mut limits = vec![limit; more.len()];
    for (n, placed) in more.iter().enumerate().rev() {
        limit = known[n].filter(|_| placed.element.anchor().is_some()).map_or(limit, |here| limit.min(here));
        limits[n] = limit;
    }
    for (placed, here) in more.iter().zip(&known) {
        if let Some(here) = here {
            base[*here].held |= placed.held;
        }
    }
    let mut base = base.into_iter().enumerate().peekable();
    let mut all = Vec::with_capacity(base.len() + more.len());
    for (n, placed) in more.into_iter().enumerate() {
        let mut take = |wanted: &dyn Fn(usize, &Placed) -> bool| {
            while let Some((_, other)) = base.next_if(|(at, other)| wanted(*at, other)) {
                all.push(other);
            }
        };
        match known[n] {
            // A block of paths may have matched one at another place.
            Some(here) if here <= limits[n] => take(&|at, _| at <= here),
            Some(_) => {}
            None => {
                take(&|at, other| at < limits[n] && other.key <= placed.key);
                all.push(placed);
            }
        }
    }
    all.extend(base.map(|(_, placed)| placed));
    all
}

/// True when other pieces have the blocks that this damage destroyed: the same blocks where their headers are known,
/// else at least as many bytes of blocks in its place.
fn is_healed(all: &[Placed], known: &HashSet<Header>, at: usize) -> bool {
    let Element::Damage(damage, lost) = &all[at].element else { return false };
    let bytes: u64 = lost.iter().map(|header| HEADER as u64 + u64::from(header.stored_len)).sum();
    if bytes == damage.bytes {
        return lost.iter().all(|header| known.contains(header));
    }
    let (piece, bit) = (all[at].piece, all[at].held);
    if bit == 0 {
        return false;
    }
    // Paths have no time, and so no certain place.
    let is_limit = |placed: &Placed| placed.held & bit != 0 && placed.element.anchor().is_some();
    let from = all[..at].iter().rposition(is_limit).map_or(0, |at| at + 1);
    let to = all[at..].iter().position(is_limit).map_or(all.len(), |after| at + after);
    let count = |wanted: &dyn Fn(&Placed) -> bool| -> u64 {
        all[from..to].iter().filter(|placed| wanted(placed)).map(|placed| placed.element.bytes()).sum()
    };
    let lost = count(&|placed| placed.piece == piece && matches!(placed.element, Element::Damage(..)));
    let found = count(&|placed| placed.held & bit == 0 && matches!(placed.element, Element::Block { .. }));
    found >= lost
}
