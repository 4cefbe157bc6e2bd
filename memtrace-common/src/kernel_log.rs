//! A line of the diagnostic log of the kernel side: a single number, since each argument of a line takes several
//! hundred instructions in each program.

/// Packs the stage of a loss, the kind of stall (any other number where it is not known) and the thread: 24, 8 and 32
/// bits of the line.
#[inline(always)]
#[must_use]
pub const fn pack(stage: u32, kind: u8, tid: u32) -> u64 {
    ((stage as u64) << 40) | ((kind as u64) << 32) | tid as u64
}

/// Stage, kind and thread of a line.
#[must_use]
pub const fn unpack(line: u64) -> (u64, u8, u32) {
    (line >> 40, (line >> 32) as u8, line as u32)
}

#[cfg(test)]
mod tests {
    use super::{pack, unpack};

    #[test]
    fn a_line_holds_all_three() {
        assert_eq!(unpack(pack(18, 255, u32::MAX)), (18, 255, u32::MAX));
        assert_eq!(unpack(pack((1 << 24) - 1, 0, 0)), ((1 << 24) - 1, 0, 0));
    }
}
