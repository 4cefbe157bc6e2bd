//! `Option`s as plain values that are always initialised: before 5.12 the verifier refuses to move an `Option` whose
//! payload was never written.

/// The value and `bit`, or zeros for none.
#[inline(always)]
pub(crate) fn or_zero(value: Option<u64>, bit: u32) -> (u64, u32) {
    match value {
        Some(value) => (value, bit),
        None => (0, 0),
    }
}

/// The id, or 0 for none.
#[inline(always)]
pub(crate) fn id_or_zero(id: Option<u64>) -> u64 {
    match id {
        Some(id) => id,
        None => 0,
    }
}
