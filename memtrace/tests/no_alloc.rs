//! The drain path (decode, then apply) allocates nothing per event, however many processes and cgroups come and go.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    collections::BTreeMap,
};

use memtrace::{
    host::cgroups::CgroupNames,
    live::{Ingest, queue},
};
use memtrace_core::{
    decode::{DecodeContext, decode},
    hook::HookSet,
    session::{
        Session, SessionConfig,
        evictors::{ByMemory, Interval},
        filter::Filter,
        loss::Loss,
        pattern::CgroupPattern,
    },
    source::Sources,
};

thread_local! {
    /// Bytes that this thread ever allocated.
    static BYTES: Cell<usize> = const { Cell::new(0) };
    /// Allocations of this thread; those of the test harness's other threads do not count.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

fn count(size: usize) {
    // A thread that is going away has no counter any more.
    let _ = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
    let _ = BYTES.try_with(|n| n.set(n.get() + size));
}

// SAFETY: every call is forwarded unchanged to the system allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

#[test]
fn a_session_takes_little_more_than_three_mebibytes() {
    let before = BYTES.with(Cell::get);
    let session = Session::new(SessionConfig::default());
    assert!(BYTES.with(Cell::get) - before < (3 << 20) + (192 << 10));
    drop(session);
}

const CONTEXT: DecodeContext = DecodeContext { hooks: HookSet::ALL, sources: Sources::EVENTS, mglru: true };

/// A stall record of the `n`th process.
fn stall(record: &mut [u8; 184], n: u32) {
    record[0..4].copy_from_slice(&[1_u16.to_ne_bytes(), 184_u16.to_ne_bytes()].concat()[..]);
    record[8..16].copy_from_slice(&u64::from(n).to_ne_bytes());
    record[16..24].copy_from_slice(&(u64::from(n) * 7919 % 1_000_000_000).to_ne_bytes());
    record[24..32].copy_from_slice(&u64::from(n % 3000).to_ne_bytes());
    // A few shrinkers, more than there is room for.
    record[96..104].copy_from_slice(&u64::from(n % 9).to_ne_bytes());
    record[104..112].copy_from_slice(&u64::from(n % 1000).to_ne_bytes());
    record[136..140].copy_from_slice(&(n % 20_000).to_ne_bytes());
    // Every field is read; the kinds take turns.
    record[160..164].copy_from_slice(&u32::MAX.to_ne_bytes());
    record[164] = u8::try_from(n % 8).unwrap_or(0);
}

/// A kswapd record: a wakeup that the `n`th name requested.
fn wakeup(record: &mut [u8; 64], n: u32) {
    record[0..4].copy_from_slice(&[3_u16.to_ne_bytes(), 64_u16.to_ne_bytes()].concat()[..]);
    record[16..20].copy_from_slice(&(n % 4).to_ne_bytes());
    record[40] = u8::try_from(n % 3).unwrap_or(0);
    record[48..52].copy_from_slice(&n.to_ne_bytes());
}

/// An OOM record.
fn oom(record: &mut [u8; 152], n: u32) {
    record[0..4].copy_from_slice(&[2_u16.to_ne_bytes(), 152_u16.to_ne_bytes()].concat()[..]);
    record[80..84].copy_from_slice(&n.to_ne_bytes());
}

/// A refault record: a page of the `n`th file came back.
fn refault(record: &mut [u8; 136], n: u32) {
    record[0..4].copy_from_slice(&[5_u16.to_ne_bytes(), 136_u16.to_ne_bytes()].concat()[..]);
    record[16..24].copy_from_slice(&(u64::from(n) * 7919 % 1_000_000_000).to_ne_bytes());
    record[32..40].copy_from_slice(&u64::from(n).to_ne_bytes());
}

#[test]
fn decode_and_apply_allocate_nothing() {
    let names: BTreeMap<u64, Vec<u8>> = (0..3000).map(|id| (id, format!("/pod{id}/c").into_bytes())).collect();
    let patterns = Filter { cgroups: vec![CgroupPattern::parse("/pod*/c").unwrap()], ..Filter::default() };
    // With rows as for the screen, and without.
    for (filter, rows) in [(Filter::default(), false), (Filter::default(), true), (patterns, true)] {
        let mut session = Session::new(SessionConfig { own_pid: u32::MAX, filter, rows, ..SessionConfig::default() });
        let (mut s, mut k, mut o) = ([0; 184], [0; 64], [0; 152]);
        let (mut applied, mut allocated) = (0, 0);
        for n in 1..100_000 {
            stall(&mut s, n);
            wakeup(&mut k, n);
            oom(&mut o, n);
            let before = allocations();
            for bytes in [s.as_slice(), &k, &o, &s[..50]] {
                match decode(bytes, &CONTEXT) {
                    Ok(event) => applied += u32::from(session.apply(&event, &names).shown),
                    Err(_) => session.add_loss(Loss::Decode, 1),
                }
            }
            allocated += allocations() - before;
        }
        assert_eq!(allocated, 0);
        assert_eq!(applied, 3 * 99_999);
        assert!(session.summary().processes.folded > 1000 && session.summary().cgroups.folded > 1000);
    }
    assert!(allocations() > 0, "the counter counts");
}

#[test]
fn the_drain_allocates_nothing() {
    let session = Session::new(SessionConfig { own_pid: u32::MAX, rows: true, ..SessionConfig::default() });
    // Nobody receives: the queue fills up, and what it cannot take is counted.
    let (queue, receiver) = queue(256);
    let names = CgroupNames::new();
    // Without file handles an unknown cgroup is looked up by a walk once a second: the test then uses one known cgroup
    // only.
    let root = (!names.is_immediate()).then(|| names.id_of(b"/").unwrap_or(0));
    let mut drain = Ingest::new(session, names, queue, 0, true);
    drain.evictors = Some(ByMemory { files: Interval::default(), anon: Some(Interval::default()) });
    drain.begin(0, CONTEXT, memtrace_core::session::faults::FaultsRead::default());
    let (mut s, mut k, mut o, mut r) = ([0; 184], [0; 64], [0; 152], [0; 136]);
    let mut make = |n: u32| {
        stall(&mut s, n);
        if let Some(id) = root {
            s[24..32].copy_from_slice(&id.to_ne_bytes());
        }
        wakeup(&mut k, n);
        oom(&mut o, n);
        refault(&mut r, n);
        (s, k, o, r)
    };
    // The only allocation allowed is for the name of a cgroup that is seen for the first time: this loop shows each ID
    // once.
    for n in 1..=3000 {
        drain.ingest(&make(n).0);
    }
    let mut allocated = 0;
    for n in 3001..100_000 {
        let (s, k, o, r) = make(n);
        let before = allocations();
        for bytes in [s.as_slice(), &k, &o, &r, &s[..50]] {
            drain.ingest(bytes);
        }
        allocated += allocations() - before;
        // As at a tick: the refaults are handed over, and their room is used again.
        if n % 20_000 == 0 {
            let _ = drain.evictors.as_mut().map(ByMemory::take);
        }
    }
    assert_eq!(allocated, 0);
    let back = drain.evictors.as_mut().map(ByMemory::take).unwrap();
    assert_eq!((back.files.rows.len() as u64 + back.files.other.samples, back.files.away.total()), (19_999, 19_999));
    assert!(allocations() > 0, "the counter counts");
    assert_eq!(receiver.try_iter().count(), 256);
    let loss = drain.session.loss();
    assert_eq!(loss.0["decode"], 96_999);
    assert!(loss.0["output"] > 3 * 96_000, "{loss:?}");
    assert!(drain.session.summary().processes.folded > 1000);
}
