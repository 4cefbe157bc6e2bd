//! The work for each event between the ring and the queue: decode a record, and apply it to the session.

use std::collections::BTreeMap;

use divan::{Bencher, counter::ItemsCount};
use memtrace_core::{
    decode::{DecodeContext, decode},
    hook::HookSet,
    session::{Session, SessionConfig},
    source::Sources,
};

const RECORDS: u32 = 10_000;
const CONTEXT: DecodeContext = DecodeContext { hooks: HookSet::ALL, sources: Sources::EVENTS, mglru: false };

fn main() {
    divan::main();
}

/// Stall records of this many processes in as many cgroups, in turn.
fn records(processes: u32) -> Vec<[u8; 184]> {
    let record = |n: u32| {
        let mut record = [0; 184];
        record[0..2].copy_from_slice(&1_u16.to_ne_bytes());
        record[2..4].copy_from_slice(&184_u16.to_ne_bytes());
        record[8..16].copy_from_slice(&u64::from(n).to_ne_bytes());
        record[16..24].copy_from_slice(&(u64::from(n) * 7919 % 1_000_000_000).to_ne_bytes());
        record[24..32].copy_from_slice(&u64::from(n % processes).to_ne_bytes());
        record[136..140].copy_from_slice(&(n % processes).to_ne_bytes());
        // Every field is read; the kinds take turns.
        record[160..164].copy_from_slice(&u32::MAX.to_ne_bytes());
        record[164] = (n % 8) as u8;
        record
    };
    (0..RECORDS).map(record).collect()
}

/// Without and with rows for the screen, and with more processes than a table holds.
#[divan::bench(args = [(64, false), (64, true), (5000, true)])]
fn decode_and_apply(bencher: Bencher<'_, '_>, (processes, rows): (u32, bool)) {
    let records = records(processes);
    let names = BTreeMap::<u64, Vec<u8>>::new();
    let config = SessionConfig { own_pid: u32::MAX, rows, ..SessionConfig::default() };
    bencher.counter(ItemsCount::new(RECORDS)).with_inputs(|| Session::new(config.clone())).bench_local_refs(
        |session| {
            for record in &records {
                if let Ok(event) = decode(record, &CONTEXT) {
                    session.apply(&event, &names);
                }
            }
        },
    );
}
