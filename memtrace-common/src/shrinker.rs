//! Time of a stall by shrinker.
//!
//! A shrinker is identified by the address of its function (`shrinker.scan_objects`): all superblocks share one, and
//! its name cannot be read at that point.

use crate::kind::StallKind;

/// Number of shrinkers that one stall counts separately. More are rare; the time of the smallest ones is then in no
/// named one.
pub const SHRINKERS: usize = 4;

/// Rows of the totals by shrinker and kind.
pub const MAX_SHRINKERS: u32 = 512;

/// Time in one shrinker.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShrinkerTime {
    /// Address of the shrinker's function; 0 in an empty slot.
    pub function: u64,
    /// Time in the shrinker, in ns.
    pub ns: u64,
}

/// Adds time to the slot of this shrinker. Where all slots are taken, it replaces the smallest time if that is less.
#[inline(always)]
pub fn add(times: &mut [ShrinkerTime; SHRINKERS], function: u64, ns: u64) {
    if function == 0 {
        return;
    }
    let mut least = 0;
    let mut least_ns = u64::MAX;
    let mut i = 0;
    while i < SHRINKERS {
        let time = times[i];
        if time.function == function {
            times[i].ns = time.ns.saturating_add(ns);
            return;
        }
        // An empty slot has time 0, and the first of them is chosen.
        if time.ns < least_ns {
            least_ns = time.ns;
            least = i;
        }
        i += 1;
    }
    if least_ns < ns {
        let mut i = 0;
        while i < SHRINKERS {
            if i == least {
                times[i] = ShrinkerTime { function, ns };
            }
            i += 1;
        }
    }
}

/// The shrinker with the most time; an empty slot when there is none.
#[inline(always)]
#[must_use]
pub fn largest(times: &[ShrinkerTime; SHRINKERS]) -> ShrinkerTime {
    let mut largest = ShrinkerTime::default();
    let mut i = 0;
    while i < SHRINKERS {
        if times[i].ns > largest.ns {
            largest = times[i];
        }
        i += 1;
    }
    largest
}

/// Key of a row of the totals by shrinker.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShrinkerKey {
    /// Address of the shrinker's function.
    pub function: u64,
    /// A [`StallKind`] number, or [`crate::totals::SLOT_SELF`].
    pub slot: u32,
    /// Explicit padding, 0.
    pub pad: u32,
}

/// Time of all stalls of a kind in one shrinker, since attach.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShrinkerTotals {
    /// Time in ns: a lower bound where stalls went through more than [`SHRINKERS`] of them.
    pub total_ns: u64,
    /// Number of stalls that went through it.
    pub stalls: u64,
}

const _: () = {
    assert!(size_of::<ShrinkerTime>() == 16);
    assert!(size_of::<ShrinkerKey>() == 16);
    assert!(MAX_SHRINKERS as usize > 8 * StallKind::COUNT);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_gives_way_and_the_largest_is_found() {
        let mut times = [ShrinkerTime::default(); SHRINKERS];
        assert_eq!(largest(&times), ShrinkerTime::default());
        for (function, ns) in [(1, 5), (2, 9), (1, 5), (3, 1), (4, 2), (0, 99)] {
            add(&mut times, function, ns);
        }
        assert_eq!(largest(&times), ShrinkerTime { function: 1, ns: 10 });
        add(&mut times, 5, 1); // no less than the least: not counted separately
        assert!(times.iter().all(|time| time.function != 5));
        add(&mut times, 6, 3);
        let functions = times.map(|time| time.function);
        assert_eq!(functions, [1, 2, 6, 4]);
        // The sum never exceeds the time that was added.
        assert!(times.iter().map(|time| time.ns).sum::<u64>() <= 5 + 9 + 5 + 1 + 2 + 1 + 3);
    }
}
