//! Random stacks.

use std::sync::Arc;

use fastrand::Rng;

use super::{S, kind, maybe, number};
use memtrace_core::{
    session::stacks::{StackDeltas, StackKey, StackSum},
    stack::{Frame, Stack},
};

/// Stacks of a tick, with their names.
pub(super) fn stacks(random: &mut Rng, t_ns: u64) -> StackDeltas {
    // No stack of another tick: a reader returns the stacks of a tick in the order of their numbers.
    let first = u32::try_from(t_ns / S % 1000).unwrap() * 8;
    let numbers = first..first + random.u32(..8);
    let named = numbers.clone().map(|number| (number, Arc::new(stack(random)))).collect();
    let stalls = numbers.map(|number| {
        let key = StackKey {
            stack: number,
            pid: random.u32(..9),
            process_start_ns: maybe(random, |random| random.u64(..9)),
            cgroup_id: maybe(random, |random| random.u64(..5) << 20),
            kind: kind(random),
        };
        (key, StackSum { stalls: self::number(random), total_ns: self::number(random) })
    });
    let stalls = stalls.collect();
    StackDeltas { named, stalls }
}

fn stack(random: &mut Rng) -> Stack {
    let kernel = random.usize(..20);
    let text = |random: &mut Rng| match random.u8(..3) {
        0 => Vec::new(),
        _ => (0..random.usize(1..40)).map(|_| random.u8(..)).collect(),
    };
    let frame = |n: usize| Frame {
        kernel: n < kernel,
        function: text(random),
        offset: random.u64(..),
        module: text(random),
        build_id: text(random),
        address: random.u64(..),
    };
    Stack { frames: (0..kernel + 3).map(frame).collect() }
}
