//! Entries as columns, and back.

mod oom;
mod read;
mod write;

pub(super) use self::{
    oom::{decode_constraint, encode_constraint},
    read::{Columns, Recorded},
    write::{ColumnWriter, Located},
};

use memtrace_common::kind::StallKind;

/// Numbers of the kinds of entry.
const STALL: u8 = 0;
const OOM: u8 = 1;
const KSWAPD: u8 = 2;
const NAME: u8 = 3;
const MARK: u8 = 4;

/// Position of the source in the kind byte of a stall, in bits.
const SOURCE_SHIFT: u8 = 4;
const _: () = assert!(StallKind::COUNT <= 1 << SOURCE_SHIFT, "a kind has the bits below its source");
