//! Fuzz targets: any bytes, and any bytes inside blocks whose checksums are right, go through every user of a reader.
//!
//! `cargo test` runs a fixed number of inputs, new ones each time. Longer by hand, on stable:
//! `BOLERO_RANDOM_ITERATIONS=10000000 cargo test --release -p memtrace-trace --test format fuzz`; guided by coverage,
//! with cargo-bolero: `cargo bolero test -p memtrace-trace fuzz::any_bytes`.

use bolero::{ValueGenerator, check, produce};

use super::{
    feed::feed,
    reading::{Frame, frames, joined},
    round_trip::encode,
    sample::sample,
};
use memtrace_trace::Encoder;

const INPUTS: usize = 20_000;
/// Longest input in bytes.
const LONGEST: usize = 1024;

/// Bytes of any length. Without a generator of its own bolero makes 64 at most, which reach little.
fn bytes() -> impl ValueGenerator<Output = Vec<u8>> {
    produce::<Vec<u8>>().with().len(0..=LONGEST)
}

fn trace() -> Vec<Frame> {
    frames(&encode(&sample(3, 3, 12), &mut Encoder::new(0)).bytes())
}

#[test]
fn any_bytes() {
    let beginning = frames(&encode(&sample(3, 1, 2), &mut Encoder::new(0)).bytes())[0].bytes();
    check!().with_generator(bytes()).with_iterations(INPUTS).with_max_len(2 * LONGEST).for_each(|input| {
        // An error is a valid result, too: most inputs are no trace.
        let _ = feed(input);
        let _ = feed(&[beginning.as_slice(), input].concat());
    });
}

/// The input is a list of changes, four bytes each: the block, the place in it, the operation and the byte.
#[test]
fn any_change_inside_of_blocks() {
    let whole = trace();
    check!().with_generator(bytes()).with_iterations(INPUTS / 10).with_max_len(2 * LONGEST).for_each(|input| {
        let mut frames = whole.clone();
        for change in input.chunks_exact(4) {
            let &[block, at, what, byte] = change else { continue };
            let count = frames.len();
            let content = &mut frames[usize::from(block) % count].content;
            // Changes reach all of a small message, and the first fields of a large one.
            let at = usize::from(at).min(content.len());
            match what % 4 {
                0 if at < content.len() => content[at] = byte,
                1 => content.insert(at, byte),
                2 if at < content.len() => drop(content.remove(at)),
                _ => content.truncate(content.len() - usize::from(byte).min(content.len())),
            }
        }
        feed(&joined(&frames)).expect("it begins as a trace");
    });
}
