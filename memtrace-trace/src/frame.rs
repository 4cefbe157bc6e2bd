//! The framing of blocks: a header of fixed size with checksums, then the payload. The only code that lays out bytes.

/// First bytes of each block, and so of a file. They are no text, and any conversion of line ends damages them.
pub const SYNC: [u8; 8] = [0x89, b'M', b'T', b'R', b'C', b'\r', b'\n', 0x1a];
/// The version of the format that is written, and the latest that is read.
pub const VERSION: u16 = 1;
/// Size of a header.
pub const HEADER: usize = 52;
/// Largest payload in bytes, compressed or not. A reader allocates no more than this.
pub const MAX_PAYLOAD: usize = 1 << 20;

/// Kind of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum BlockKind {
    /// The beginning of a segment.
    Meta = 1,
    /// A reading of the clocks.
    Clock = 2,
    /// Paths of cgroups.
    Dict = 3,
    /// Stalls and other events.
    Events = 4,
    /// The state once an interval.
    Tick = 5,
    /// A remark.
    Remark = 6,
    /// The end of a segment.
    End = 7,
    /// Counters of processes and cgroups for which the next tick has no room.
    Rows = 8,
    /// Stacks of stalls.
    Stacks = 9,
}

impl BlockKind {
    const ALL: [Self; 9] = [
        Self::Meta,
        Self::Clock,
        Self::Dict,
        Self::Events,
        Self::Tick,
        Self::Remark,
        Self::End,
        Self::Rows,
        Self::Stacks,
    ];

    /// The name of the kind in the documentation of the format.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "META",
            Self::Clock => "CLOCK",
            Self::Dict => "DICT",
            Self::Events => "EVENTS",
            Self::Tick => "TICK",
            Self::Remark => "REMARK",
            Self::End => "END",
            Self::Rows => "ROWS",
            Self::Stacks => "STACKS",
        }
    }

    /// The kind with this number; `None` for one of a later version.
    #[must_use]
    pub fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// The header of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// Version of the format.
    pub version: u16,
    /// A [`BlockKind`], or one of a later version.
    pub kind: u8,
    /// The payload is compressed (zstd).
    pub compressed: bool,
    /// Size of the payload in the file.
    pub stored_len: u32,
    /// Size of the payload when it is not compressed.
    pub raw_len: u32,
    /// Number of entries in the block.
    pub count: u32,
    /// The first time in the block, `CLOCK_MONOTONIC` in ns.
    pub first_ns: u64,
    /// The last time in the block.
    pub last_ns: u64,
    /// CRC32C of the payload as it is in the file.
    pub payload_crc: u32,
}

impl Header {
    /// The middle of the times in ns, which orders the blocks of a segment. The last events of an interval may have
    /// ended while its tick was made, later than the time of the tick.
    pub(crate) const fn place_ns(&self) -> u64 {
        self.first_ns.midpoint(self.last_ns)
    }

    /// The bytes of the header, its own checksum last.
    #[must_use]
    pub fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&SYNC);
        bytes[8..10].copy_from_slice(&self.version.to_le_bytes());
        bytes[10] = self.kind;
        bytes[11] = u8::from(self.compressed);
        bytes[12..16].copy_from_slice(&self.stored_len.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.raw_len.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.count.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_ns.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.last_ns.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.payload_crc.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..HEADER - 4]);
        bytes[HEADER - 4..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The header in these bytes; `None` when it is damaged or claims sizes that no block has.
    #[must_use]
    pub fn parse(bytes: &[u8; HEADER]) -> Option<Self> {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        let header = Self {
            version: u16::from_le_bytes([bytes[8], bytes[9]]),
            kind: bytes[10],
            compressed: bytes[11] == 1,
            stored_len: word(12),
            raw_len: word(16),
            count: word(20),
            first_ns: long(24),
            last_ns: long(32),
            payload_crc: word(40),
        };
        let whole = bytes[..8] == SYNC && word(HEADER - 4) == crc32c::crc32c(&bytes[..HEADER - 4]);
        let sane = header.stored_len as usize <= MAX_PAYLOAD
            && header.raw_len as usize <= MAX_PAYLOAD
            && bytes[11] <= 1
            && (header.compressed || header.stored_len == header.raw_len);
        (whole && sane).then_some(header)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{array::uniform32, prelude::any, prelude::prop_assert_eq, proptest};

    use super::{HEADER, Header, MAX_PAYLOAD, VERSION};

    const SAMPLE: Header = Header {
        version: VERSION,
        kind: 4,
        compressed: true,
        stored_len: 100,
        raw_len: 1000,
        count: 7,
        first_ns: 1 << 40,
        last_ns: (1 << 40) + 5,
        payload_crc: 0xdead_beef,
    };

    #[test]
    fn there_and_back() {
        assert_eq!(Header::parse(&SAMPLE.to_bytes()), Some(SAMPLE));
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        for bit in 0..HEADER * 8 {
            let mut bytes = SAMPLE.to_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::parse(&bytes), None, "bit {bit}");
        }
    }

    #[test]
    fn lengths_that_no_block_has_are_refused_whatever_their_checksum() {
        let too_long = u32::try_from(MAX_PAYLOAD + 1).unwrap();
        for lying in [
            Header { stored_len: too_long, ..SAMPLE },
            Header { raw_len: too_long, ..SAMPLE },
            Header { compressed: false, ..SAMPLE },
        ] {
            assert_eq!(Header::parse(&lying.to_bytes()), None);
        }
    }

    proptest! {
        #[test]
        fn noise_is_no_header(a in uniform32(any::<u8>()), b in uniform32(any::<u8>())) {
            let mut bytes = [0; HEADER];
            bytes[..32].copy_from_slice(&a);
            bytes[32..].copy_from_slice(&b[..HEADER - 32]);
            prop_assert_eq!(Header::parse(&bytes), None);
        }
    }
}
