//! Sums of numbers that may come from a trace file, where any number is possible. A sum that would overflow is
//! `u64::MAX`, and never a small, wrong number.

use std::borrow::Borrow;

/// Adds to a sum.
pub fn add(sum: &mut u64, more: u64) {
    *sum = sum.saturating_add(more);
}

/// The sum of all numbers.
pub fn of(numbers: impl IntoIterator<Item = impl Borrow<u64>>) -> u64 {
    numbers.into_iter().fold(0, |sum, number| sum.saturating_add(*number.borrow()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_sum_that_does_not_fit_is_the_largest_number() {
        assert_eq!(super::of([u64::MAX - 1, 1]), u64::MAX);
        assert_eq!(super::of([u64::MAX, 1 << 63, 5].iter()), u64::MAX);
        let mut sum = u64::MAX - 3;
        super::add(&mut sum, 9);
        assert_eq!(sum, u64::MAX);
    }
}
