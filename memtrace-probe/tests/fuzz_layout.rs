//! Fuzz targets: BTF and `format` files that no kernel would write.
//!
//! `cargo test` runs a fixed number of new inputs each time. For a longer run, on stable:
//! `AYA_BUILD_SKIP=1 BOLERO_RANDOM_ITERATIONS=10000000 cargo test --release -p memtrace-probe --test fuzz_layout`;
//! guided by coverage, with cargo-bolero: `cargo bolero test -p memtrace-probe any_btf`.

use std::fs;

use bolero::{ValueGenerator, check, produce};
use memtrace_probe::{btf::Btf, gfp, layout, zones};

const INPUTS: usize = 20_000;
/// Longest input in bytes.
const LONGEST: usize = 2048;
const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");

/// Bytes of any length. Without a generator of its own bolero makes at most 64 bytes, which reach little code.
fn bytes() -> impl ValueGenerator<Output = Vec<u8>> {
    produce::<Vec<u8>>().with().len(0..=LONGEST)
}

/// Looks up everything that the program looks up in BTF. An error for bytes that are not BTF is a valid result.
fn look_up(bytes: &[u8]) {
    let Ok(btf) = Btf::parse(bytes, |name| layout::is_wanted(name) || name == gfp::FIRST_BIT) else { return };
    let _ = layout::arguments(&btf);
    let _ = layout::task_members(&btf);
    let _ = layout::compact_members(&btf);
    let _ = layout::shrinker_function(&btf);
    let _ = layout::oom_members(&btf);
    let _ = layout::eviction_layout(&btf);
    let _ = layout::refault_layout(&btf);
    let _ = zones::of_btf(&btf);
    let _ = gfp::from_btf(&btf);
}

/// Replaces bytes of `whole`. A change is four bytes: three for the place, and the new byte.
fn changed(whole: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for change in changes.chunks_exact(4) {
        let at = u32::from_le_bytes([change[0], change[1], change[2], 0]) as usize % bytes.len();
        bytes[at] = change[3];
    }
    bytes
}

#[test]
fn any_btf() {
    // The magic number and the version, so that the rest is parsed.
    let begin = [0x9f, 0xeb, 1, 0, 24, 0, 0, 0];
    check!().with_generator(bytes()).with_iterations(INPUTS).with_max_len(2 * LONGEST).for_each(|input| {
        look_up(input);
        look_up(&[begin.as_slice(), input].concat());
    });
}

#[test]
fn any_change_of_a_btf() {
    let wholes = ["5.10", "7.2"].map(|kernel| fs::read(format!("{HERE}/btf/{kernel}.btf")).unwrap());
    check!().with_generator(bytes()).with_iterations(INPUTS / 100).with_max_len(2 * LONGEST).for_each(|changes| {
        wholes.iter().for_each(|whole| look_up(&changed(whole, changes)));
    });
}

#[test]
fn any_format() {
    let whole = fs::read(format!("{HERE}/formats/6.1/mm_vmscan_direct_reclaim_begin")).unwrap();
    check!().with_generator(bytes()).with_iterations(INPUTS / 10).with_max_len(2 * LONGEST).for_each(|input| {
        for bytes in [input.to_vec(), changed(&whole, input)] {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let _ = layout::records(|_, _| Some(text.clone()));
            let _ = gfp::from_print_format(&text);
            let _ = zones::watched(&zones::of(&text));
        }
    });
}
