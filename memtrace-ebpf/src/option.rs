//! Options as plain values. They are always initialised: before 5.12 the verifier refuses to move an `Option` whose payload
//! was never written.

/// A value and its bit; both are 0 when the value was not read.
#[inline(always)]
pub(crate) fn or_zero(value: Option<u64>, bit: u32) -> (u64, u32) {
    match value {
        Some(value) => (value, bit),
        None => (0, 0),
    }
}

/// An id; 0 when it was not read.
#[inline(always)]
pub(crate) fn id_or_zero(id: Option<u64>) -> u64 {
    match id {
        Some(id) => id,
        None => 0,
    }
}
