//! Random incidents, given to a session directly and to an encoder.

use std::{collections::BTreeMap, io};

use fastrand::Rng;
use memtrace_common::{
    kind::StallKind,
    part::Part,
    record::KswapdStep,
    refault::RefaultCounts,
    totals::{KswapdTotals, Loss as KernelLoss},
};
use memtrace_core::{
    event::{Comm, Constraint, Event, Kswapd, Oom, PartTimes, Stall, Trigger, Victim},
    hook::HookSet,
    session::{
        Session, SessionConfig,
        counters::{Baseline, KernelCounters, Readings},
        faults::{FaultDeltas, Faults, FaultsRead, ProcessFaults},
        filter::Filter,
        input::{HostSample, KernelTotals, NodeRefaults, OpenStall, OwnCost, TickInput},
        loss::Loss,
        summary::Summary,
    },
    source::Sources,
};
use memtrace_report::replay::without_meta;
use memtrace_trace::{
    BlockKind, BlockSink, Encoder,
    model::{ClockReading, End, EndReason, Entry, Meta, Remark, RemarkKind, TickRecord},
};

pub(crate) const S: u64 = 1_000_000_000;
pub(crate) const START: u64 = 100 * S;
pub(crate) const OWN: u32 = 9999;
/// A name that would clear the screen and forge a line.
pub(crate) const HOSTILE: &[u8] = b"\x1b[2J\nOOM\xff";

/// Blocks, one by one.
#[derive(Clone, Default)]
pub(crate) struct Blocks(pub(crate) Vec<(BlockKind, Vec<u8>)>);

impl BlockSink for Blocks {
    fn block(&mut self, kind: BlockKind, bytes: &[u8]) -> io::Result<()> {
        self.0.push((kind, bytes.to_vec()));
        Ok(())
    }
}

impl Blocks {
    /// Content of the file of these blocks.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect()
    }
}

/// A recording, and the summary of a session that was given the same events.
pub(crate) struct Recording {
    /// A file for each segment.
    pub(crate) segments: Vec<Blocks>,
    pub(crate) summary: Summary,
    pub(crate) paths: BTreeMap<u64, Vec<u8>>,
}

pub(crate) fn meta() -> Meta {
    let realtime_ns = 1_700_000_000_000_000_000;
    let mut meta = without_meta(ClockReading { monotonic_ns: START, boottime_ns: START, realtime_ns });
    meta.recording = 77;
    let setup = &mut meta.setup;
    setup.version = "0.1.0".into();
    setup.argv = vec!["memtrace".into(), "record".into()];
    (setup.start_ns, setup.interval_ns, setup.own_pid) = (START, S, OWN);
    setup.kinds = vec![StallKind::Direct, StallKind::Memcg];
    setup.faults_read =
        FaultsRead { refaults: Some("workingset_refault"), fate: true, major_faults: true, swapins: false };
    let counters = KernelCounters {
        host: [("allocstall", 5), ("pgscan", 100), ("oom_kill", 1)].into(),
        scans_count_memcg: Some(false),
        cgroup: None,
    };
    let readings = Readings { before: counters.clone(), after: counters };
    meta.baseline = Baseline { readings, mglru: false, cpus: 2, nodes: 1 };
    meta.nodes_from = vec![NodeRefaults { nid: 0, file_pages: 10, anon_pages: 1 }];
    meta
}

pub(crate) fn stall(random: &mut Rng, t_ns: u64) -> Stall {
    let task = random.u32(..12);
    let kind = if task < 4 { StallKind::Memcg } else { StallKind::Direct };
    let comm = if task == 5 { Comm::from(HOSTILE) } else { Comm::from(format!("task-{task}").as_bytes()) };
    Stall {
        t_ns,
        dur_ns: 1000 << random.u32(..21),
        kind,
        source: Sources::default().of(kind),
        pid: if task == 11 { OWN } else { 100 + task / 2 },
        tid: 100 + task,
        comm,
        process_start_ns: (task > 2).then_some(u64::from(task / 2)),
        cgroup_id: (task > 1).then_some(u64::from(task % 3) + 40),
        order: Some(random.i32(0..3)),
        gfp: Some(0xcc0),
        scanned_pages: (task != 7).then(|| random.u64(..100)),
        reclaimed_pages: Some(random.u64(..50)),
        times: PartTimes::of(|part| (part != Part::Reclaim).then_some(0)),
        ..Stall::example()
    }
}

fn oom(random: &mut Rng, t_ns: u64) -> Oom {
    let victim = Victim {
        pid: random.u32(1..200),
        tid: 5,
        comm: Some(Comm::from(HOSTILE)),
        cgroup_id: Some(41),
        anon_rss_bytes: Some(random.u64(..1 << 30)),
        file_rss_bytes: None,
        shmem_rss_bytes: Some(0),
        oom_score_adj: Some(0),
    };
    let trigger = Trigger { pid: 102, comm: Comm::from(b"task-4".as_slice()) };
    Oom { t_ns, victim, trigger, constraint: random.bool().then_some(Constraint::Memcg), ..Oom::default() }
}

/// Counts a stall as the kernel side does.
fn count(totals: &mut KernelTotals, stall: &Stall) {
    let kind = if stall.pid == OWN { &mut totals.own } else { totals.stalls.entry(stall.kind).or_default() };
    kind.count += 1;
    kind.total_ns += stall.dur_ns;
    kind.max_ns = kind.max_ns.max(stall.dur_ns);
    kind.scanned_pages += stall.scanned_pages.unwrap_or(0);
    kind.reclaimed_pages += stall.reclaimed_pages.unwrap_or(0);
    kind.latency.record(stall.dur_ns);
}

fn paths() -> BTreeMap<u64, Vec<u8>> {
    [(40, b"/web".to_vec()), (41, b"/db\x1b]0;x\x07".to_vec()), (42, b"/web/a".to_vec())].into()
}

/// Records an incident of `seconds` seconds; a new segment begins after each tick of `cuts`. Stalls whose record the
/// ring buffer lost are in the totals alone. Stalls that end while a tick is made lie before it, and only the next one
/// counts them.
pub(crate) fn record(seed: u64, seconds: u64, cuts: &[u64], filter: &Filter, min_stall_ns: u64) -> Recording {
    let mut random = Rng::with_seed(seed);
    let mut meta = meta();
    meta.recording = seed.wrapping_add(77);
    meta.setup.filter = filter.clone();
    meta.setup.min_stall_ns = min_stall_ns;
    let names = paths();
    let mut session = Session::new(SessionConfig {
        own_pid: OWN,
        filter: filter.clone(),
        recorded: true,
        ..SessionConfig::default()
    });
    session.begin(START, HookSet::ALL, false, meta.setup.faults_read, meta.setup.sources);
    session.cover(meta.baseline.clone());
    session.count_nodes_from(meta.nodes_from.clone());
    let mut encoder = Encoder::new(min_stall_ns);
    let (mut segments, mut blocks) = (Vec::new(), Blocks::default());
    encoder.begin(&meta, &mut blocks).unwrap();
    names.iter().for_each(|(id, path)| encoder.path(*id, path));
    let mut totals = KernelTotals::default();
    for kind in [StallKind::Direct, StallKind::Memcg] {
        totals.stalls.entry(kind).or_default();
    }
    totals.loss = KernelLoss::ALL.iter().map(|loss| (loss.name(), 0)).collect();
    totals.refaults = Some(RefaultCounts::default());
    let mut node = KswapdTotals::default();
    for second in 1..=seconds {
        for i in 0..random.u64(..200) {
            let t_ns = START + (second - 1) * S + i * 5_000_000;
            let event = match random.u32(..60) {
                0 => Event::Oom(oom(&mut random, t_ns)),
                1 => {
                    let step = if node.awake == 0 { KswapdStep::Wake } else { KswapdStep::Sleep };
                    node.awake = 1 - node.awake;
                    node.wakes += u64::from(node.awake);
                    node.sleeps += u64::from(1 - node.awake);
                    node.last_ns = t_ns;
                    Event::Kswapd(Kswapd { t_ns, nid: 0, step, order: None, gfp: None, waker: None })
                }
                _ => Event::Stall(stall(&mut random, t_ns)),
            };
            if let Event::Stall(stall) = &event {
                count(&mut totals, stall);
                if random.u32(..10) == 0 {
                    *totals.loss.entry(KernelLoss::RingStall.name()).or_default() += 1;
                    continue;
                }
            }
            let applied = session.apply(&event, &names);
            if applied.shown {
                encoder.entry(&Entry::Event(event), &mut blocks).unwrap();
            }
            if let (Event::Stall(stall), true) = (&event, applied.new_process) {
                let (pid, process_start_ns) = (stall.pid, stall.process_start_ns);
                let comm = Comm::from(format!("proc-{pid}").as_bytes());
                session.name_process(pid, process_start_ns, comm);
                encoder.entry(&Entry::Name { pid, process_start_ns, comm }, &mut blocks).unwrap();
            }
        }
        totals.kswapd = [(0, node)].into();
        let begin_ns = START + second * S - 300_000_000;
        totals.open = vec![OpenStall { pid: 101, tid: 103, comm: None, kind: StallKind::Direct, begin_ns }];
        let refaults = RefaultCounts { file_pages: random.u64(..50), events: 3, ..RefaultCounts::default() };
        let all = totals.refaults.as_mut().unwrap();
        all.file_pages += refaults.file_pages;
        all.events += refaults.events;
        let faults = Faults { refaults, major_faults: 2, swapin_pages: 0 };
        let process = ProcessFaults {
            pid: 103,
            process_start_ns: Some(3),
            comm: Comm::from(b"reader".as_slice()),
            cgroup_id: Some(40),
            faults,
        };
        let counters = KernelCounters {
            host: [("allocstall", 5 + second * 3), ("pgscan", 100 + second * 70), ("oom_kill", 1 + second)].into(),
            scans_count_memcg: Some(false),
            cgroup: None,
        };
        session.set_loss(Loss::Output, second / 2);
        let host = HostSample {
            node_refaults: vec![NodeRefaults { nid: 0, file_pages: 10 + second, anon_pages: 1 }],
            own: OwnCost { cpu_ns: Some(second * 1000), rss_bytes: Some(1 << 20), bpf_ns: None, bpf_runs: None },
            counters: Some(Readings { before: counters.clone(), after: counters }),
            ..HostSample::default()
        };
        let counted = totals.clone();
        for i in 0..if second < seconds { random.u64(..3) } else { 0 } {
            let t_ns = START + second * S + 1000 + i;
            let late =
                Stall { pid: 150, tid: 150, process_start_ns: Some(9), dur_ns: 1000, ..stall(&mut random, t_ns) };
            count(&mut totals, &late);
            let applied = session.apply(&Event::Stall(late), &names);
            if applied.shown {
                encoder.entry(&Entry::Event(Event::Stall(late)), &mut blocks).unwrap();
            }
            if applied.new_process {
                let (pid, process_start_ns, comm) = (late.pid, late.process_start_ns, Comm::from(b"late".as_slice()));
                session.name_process(pid, process_start_ns, comm);
                encoder.entry(&Entry::Name { pid, process_start_ns, comm }, &mut blocks).unwrap();
            }
        }
        let input = TickInput {
            t_ns: START + second * S,
            totals: counted,
            host,
            faults: FaultDeltas { processes: vec![process], cgroups: vec![(40, refaults)], sampled: None },
            lost: session.lost(),
            reported: session.reported(),
            ..TickInput::default()
        };
        session.tick(&input, &names);
        let record = TickRecord { input, ..TickRecord::default() };
        encoder.tick(&record, &mut blocks).unwrap();
        if second == 3 {
            let remark = Remark { t_ns: START + second * S, kind: RemarkKind::Trigger, text: "oom.count > 0".into() };
            encoder.remark(&remark, &mut blocks).unwrap();
        }
        let reason = if second == seconds { EndReason::Done } else { EndReason::NextSegment };
        if cuts.contains(&second) || second == seconds {
            let open = totals.open.clone();
            encoder.end(&End { t_ns: START + second * S, reason, open, lost: session.lost() }, &mut blocks).unwrap();
            segments.push(std::mem::take(&mut blocks));
            if second < seconds {
                meta.segment += 1;
                meta.base = Some(record);
                meta.at_start = None;
                encoder.begin(&meta, &mut blocks).unwrap();
            }
        }
    }
    Recording { segments, summary: session.summary(), paths: names }
}
