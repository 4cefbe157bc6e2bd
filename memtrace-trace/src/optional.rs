//! Values that may not have been read, in columns of plain numbers: 0 is "not read".

/// `value + 1`, 0 for none. The largest number does not fit and is written as the one below it.
pub(super) fn encode(value: Option<u64>) -> u64 {
    value.map_or(0, |value| value.saturating_add(1))
}

/// `value + 1` for small numbers, likewise.
pub(super) fn encode32(value: Option<u32>) -> u32 {
    value.map_or(0, |value| value.saturating_add(1))
}

/// The value of [`encode`].
pub(super) fn decode(column: u64) -> Option<u64> {
    column.checked_sub(1)
}

/// The value of [`encode32`].
pub(super) fn decode32(column: u32) -> Option<u32> {
    column.checked_sub(1)
}

/// A signed number, zigzag, + 1.
pub(super) fn encode_signed(value: Option<i32>) -> u32 {
    encode32(value.map(zigzag))
}

/// The value of [`encode_signed`].
pub(super) fn decode_signed(column: u32) -> Option<i32> {
    decode32(column).map(unzigzag)
}

#[expect(clippy::cast_sign_loss, reason = "the bits are what counts")]
fn zigzag(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

#[expect(clippy::cast_possible_wrap, reason = "the bits are what counts")]
fn unzigzag(bits: u32) -> i32 {
    ((bits >> 1) as i32) ^ -((bits & 1) as i32)
}

/// `now` as the difference to `base`: exact for all numbers, small where the two are near.
#[expect(clippy::cast_possible_wrap, reason = "wraps there and back")]
pub(super) fn difference(now: u64, base: u64) -> i64 {
    now.wrapping_sub(base) as i64
}

/// The value of [`difference`].
#[expect(clippy::cast_sign_loss, reason = "wraps there and back")]
pub(super) fn restore(difference: i64, base: u64) -> u64 {
    base.wrapping_add(difference as u64)
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::any, prelude::prop_assert_eq, proptest};

    use super::{decode, decode_signed, difference, encode, encode_signed, restore};

    proptest! {
        #[test]
        fn there_and_back(value in any::<Option<u64>>(), small in any::<Option<i32>>(), now in any::<u64>(), base in any::<u64>()) {
            prop_assert_eq!(decode(encode(value)), value.map(|value| value.min(u64::MAX - 1)));
            // The one number that does not fit.
            prop_assert_eq!(decode_signed(encode_signed(small)), small.map(|n| if n == i32::MIN { i32::MAX } else { n }));
            prop_assert_eq!(restore(difference(now, base), base), now);
        }
    }
}
