//! A salvage keeps the blocks that a reader uses, all of them and no other.

use fastrand::Rng;

use super::{
    reading::{Frame, frames, joined, read_all},
    round_trip::encode,
    sample::{sample, sample_after},
};
use memtrace_trace::{Encoder, Judged, ReadError, Reader, Scanned, Scanner};

/// The blocks that are used, and the number of damaged parts.
fn salvaged(bytes: &[u8]) -> Result<(Vec<u8>, usize), ReadError> {
    let mut reader = Reader::new(bytes);
    let (mut kept, mut damaged) = (Vec::new(), 0);
    while let Some(judged) = reader.next_judged()? {
        match judged {
            Judged::Used(..) => kept.extend_from_slice(reader.blocks().block()),
            Judged::Damaged(damage) => damaged += usize::from(!damage.is_cut),
        }
    }
    Ok((kept, damaged))
}

/// Two segments, as one file.
fn trace() -> Vec<Frame> {
    let first = sample(9, 4, 12);
    let mut second = sample_after(first.last_tick(), 10, 3, 12);
    (second.meta.recording, second.meta.run, second.meta.segment) = (first.meta.recording, first.meta.run, 1);
    second.meta.base = first.last_tick().cloned();
    let mut encoder = Encoder::new(0);
    let mut bytes = encode(&first, &mut encoder).bytes();
    bytes.extend(encode(&second, &mut encoder).bytes());
    frames(&bytes)
}

/// Anything that may happen to a file: to whole blocks, inside of them with checksums that are right, and to bytes.
fn damaged(random: &mut Rng) -> Vec<u8> {
    let mut frames = trace();
    for _ in 0..random.usize(..6) {
        let (a, b) = (random.usize(..frames.len()), random.usize(..frames.len()));
        match random.u8(..5) {
            0 => frames.swap(a, b),
            1 => frames.insert(b, frames[a].clone()),
            2 if frames.len() > 2 => drop(frames.remove(a)),
            3 => {
                let content = &mut frames[a].content;
                let at = random.usize(..content.len().max(1));
                if let Some(byte) = content.get_mut(at) {
                    *byte = random.u8(..);
                }
            }
            _ => frames[a].header.count = random.u32(..),
        }
    }
    let mut bytes = joined(&frames);
    for _ in 0..random.usize(..3) {
        let at = random.usize(..bytes.len());
        bytes[at] ^= 1 << random.u8(..8);
    }
    if random.u8(..4) == 0 {
        bytes.truncate(random.usize(..bytes.len()));
    }
    bytes
}

#[test]
fn a_copy_reads_as_its_original_without_damage_and_is_its_own_copy() {
    let mut with_damage = 0;
    for seed in 0..1000 {
        let bytes = damaged(&mut Rng::with_seed(seed));
        // An empty file is no trace.
        let (Ok(original), Ok((copy, parts))) = (read_all(&bytes), salvaged(&bytes)) else { continue };
        assert_eq!(original.damage.iter().filter(|damage| !damage.is_cut).count(), parts, "seed {seed}");
        with_damage += usize::from(parts > 0);
        let Ok(read) = read_all(&copy) else {
            assert!(copy.is_empty(), "seed {seed}: the copy is no trace");
            continue;
        };
        assert_eq!(read.damage, [], "seed {seed}");
        assert!(read.said == original.said, "seed {seed}: the copy has lost what the original has");
        assert_eq!(salvaged(&copy).unwrap(), (copy, 0), "seed {seed}");
    }
    assert!(with_damage > 300, "{with_damage}");
}

#[test]
fn damage_names_the_block_while_its_header_is_whole() {
    let whole = trace();
    for at in 0..whole.len() {
        let mut bytes = joined(&whole[..at]);
        let from = bytes.len();
        bytes.extend(whole[at].bytes());
        *bytes.last_mut().unwrap() ^= 1;
        bytes.extend(joined(&whole[at + 1..]));
        let mut scanner = Scanner::new(bytes.as_slice());
        let damage = loop {
            if let Scanned::Damage(damage) = scanner.next_block().unwrap().unwrap() {
                break damage;
            }
        };
        let block = damage.block.unwrap();
        assert_eq!((block.offset, block.header.kind), (from as u64, whole[at].header.kind));
        // Of two damaged blocks in a row, neither is named.
        if at + 1 < whole.len() {
            let end = from + whole[at].bytes().len() + whole[at + 1].bytes().len();
            bytes[end - 1] ^= 1;
            let damage = read_all(&bytes).unwrap().damage;
            assert_eq!(damage[0].block, None);
        }
    }
}
