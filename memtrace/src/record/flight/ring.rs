//! The ring of segments as it is written, and the incident file beside it.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
};

use jiff::Timestamp;

use super::{store::Store, triggers::Trigger};
use crate::record::sink::{TraceFile, put_end};
use memtrace_core::untrusted::shown_path;
use memtrace_trace::{
    BlockKind, BlockSink,
    model::{ClockReading, End},
};

/// The current segment.
#[derive(Debug)]
struct CurrentSegment {
    path: PathBuf,
    file: TraceFile,
    begin_ns: u64,
}

/// An incident file under way.
#[derive(Debug)]
struct Incident {
    path: PathBuf,
    file: TraceFile,
    begin_ns: u64,
    until_ns: u64,
}

/// A bounded ring of segments on disk.
#[derive(Debug)]
pub(in crate::record) struct Ring {
    store: Store,
    segment: CurrentSegment,
    number: u32,
    clock: ClockReading,
    incident: Option<Incident>,
    /// End of the last incident file, `CLOCK_MONOTONIC` in ns.
    last_incident_ns: Option<u64>,
    incidents: Vec<String>,
    shown: Arc<AtomicU64>,
}

impl Ring {
    /// Creates the ring with its first segment.
    pub(in crate::record) fn new(store: Store, clock: &ClockReading, shown: Arc<AtomicU64>) -> io::Result<Self> {
        let begin_ns = clock.monotonic_ns;
        let (path, file) = store.create_segment(&stamp(clock, begin_ns, 0))?;
        let segment = CurrentSegment { path, file: TraceFile::new(file, Arc::clone(&shown)), begin_ns };
        Ok(Self {
            store,
            segment,
            number: 0,
            clock: *clock,
            incident: None,
            last_incident_ns: None,
            incidents: Vec::new(),
            shown,
        })
    }

    pub(in crate::record) fn name(&self) -> String {
        shown(self.store.dir())
    }

    pub(in crate::record) fn incidents(&self) -> &[String] {
        &self.incidents
    }

    pub(in crate::record) fn wants_next_segment(&self, now_ns: u64) -> bool {
        let limits = self.store.limits();
        now_ns.saturating_sub(self.segment.begin_ns) >= limits.segment_ns()
            || self.segment.file.bytes() >= limits.segment_bytes()
    }

    pub(in crate::record) fn begin_segment(&mut self, now_ns: u64, clock: &ClockReading) -> io::Result<()> {
        let (path, file) = self.store.create_segment(&stamp(clock, now_ns, self.number + 1))?;
        self.number += 1;
        self.clock = *clock;
        let next = CurrentSegment { path, file: TraceFile::new(file, Arc::clone(&self.shown)), begin_ns: now_ns };
        let done = std::mem::replace(&mut self.segment, next);
        self.store.complete(done.path, done.begin_ns, done.file.bytes());
        self.store.prune(0, now_ns);
        Ok(())
    }

    /// Begins an incident file with the kept segments, and continues it for a while. A trigger during an incident
    /// extends it.
    pub(in crate::record) fn trigger(&mut self, trigger: &Trigger) {
        let limits = *self.store.limits();
        let until_ns = trigger.t_ns.saturating_add(limits.after_ns);
        if let Some(incident) = &mut self.incident {
            // An incident that never ends would fill the disk.
            incident.until_ns = until_ns.min(incident.begin_ns.saturating_add(limits.keep_ns.max(limits.after_ns)));
            return;
        }
        let from_ns = limits.incident_from_ns(trigger.t_ns, self.last_incident_ns);
        match self.save(trigger, from_ns) {
            Ok((path, file)) => {
                say!("{}: saving the incident to {}", trigger.text, shown(&path));
                self.incidents.push(shown(&path));
                self.incident = Some(Incident { path, file, begin_ns: trigger.t_ns, until_ns });
            }
            Err(e) => say!("{}: the incident cannot be saved in {}: {e}", trigger.text, self.name()),
        }
    }

    /// Creates an incident file with the segments back to `from_ns`, the current one included.
    fn save(&self, trigger: &Trigger, from_ns: u64) -> io::Result<(PathBuf, TraceFile)> {
        let name = format!("{}-{}", stamp(&self.clock, trigger.t_ns, self.number), trigger.name);
        let (path, mut file) = self.store.create_incident(&name)?;
        for segment in self.store.since(from_ns).chain([self.segment.path.as_path()]) {
            // A segment that is gone is no reason to lose the others.
            if let Ok(mut from) = File::open(segment) {
                io::copy(&mut from, &mut file)?;
            }
        }
        // The host may be about to die.
        file.sync_data()?;
        Ok((path, TraceFile::new(file, Arc::default())))
    }

    /// Ends the incident file once its time is over; `end` is the END as of the tick just written. Removes segments
    /// beyond the limits.
    pub(in crate::record) fn advance(&mut self, end: &End) {
        if let Some(incident) = self.incident.as_mut().filter(|incident| end.t_ns >= incident.until_ns) {
            if let Err(e) = put_end(end, &mut incident.file) {
                say!("{} is not complete: {e}", shown(&incident.path));
            }
            self.end_incident(end.t_ns);
        }
        self.store.prune(self.segment.file.bytes(), end.t_ns);
    }

    fn end_incident(&mut self, now_ns: u64) {
        let Some(incident) = self.incident.take() else { return };
        self.last_incident_ns = Some(now_ns);
        if let Err(e) = incident.file.sync() {
            say!("{} may not be on the disk: {e}", shown(&incident.path));
        }
    }

    pub(in crate::record) fn finish(&mut self) -> io::Result<()> {
        self.end_incident(u64::MAX);
        self.segment.file.sync()
    }

    pub(in crate::record) fn block(&mut self, kind: BlockKind, bytes: &[u8]) -> io::Result<()> {
        if let Some(incident) = &mut self.incident
            && let Err(e) = incident.file.block(kind, bytes)
        {
            say!("{} is not complete: {e}", shown(&incident.path));
            self.incident = None;
        }
        self.segment.file.block(kind, bytes)
    }
}

fn shown(path: &Path) -> String {
    shown_path(path)
}

/// Time of day and number of a segment, so that names sort by time: `20261124T131500Z-000042`.
fn stamp(clock: &ClockReading, t_ns: u64, number: u32) -> String {
    let since_ns = i64::try_from(t_ns.saturating_sub(clock.monotonic_ns)).unwrap_or(0);
    let time = Timestamp::from_nanosecond(i128::from(clock.realtime_ns.saturating_add(since_ns))).unwrap_or_default();
    format!("{}-{number:06}", time.strftime("%Y%m%dT%H%M%SZ"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{BlockKind, ClockReading, End, Ring, Store, Trigger};
    use crate::record::{flight::limits::Limits, sink::put_end};
    use memtrace_trace::{
        Encoder, Scanned, Scanner,
        model::{EndReason, Remark, RemarkKind},
    };

    const S: u64 = 1_000_000_000;

    fn kinds(path: &std::path::Path) -> Vec<Option<BlockKind>> {
        let mut scanner = Scanner::new(fs::File::open(path).unwrap());
        let mut kinds = Vec::new();
        while let Some(Scanned::Block(block)) = scanner.next_block().unwrap() {
            kinds.push(block.kind());
        }
        kinds
    }

    #[test]
    fn an_incident_file_is_ended_in_order_and_its_segment_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits { keep_ns: 600 * S, max_bytes: 1 << 20, max_files: 10, max_incidents: 2, after_ns: 10 * S };
        let store = Store::open(dir.path(), limits, 0).unwrap();
        let clock = ClockReading::default();
        let mut ring = Ring::new(store, &clock, std::sync::Arc::default()).unwrap();
        let mut sink = Vec::new();
        let meta = memtrace_report::replay::without_meta(clock);
        Encoder::new(0).begin(&meta, &mut sink).unwrap();
        ring.block(BlockKind::Meta, &sink).unwrap();
        ring.trigger(&Trigger { t_ns: 5 * S, name: "signal", text: "a signal".to_owned() });
        let remark = |ring: &mut Ring, t_ns| {
            let mut sink = Vec::new();
            let remark = Remark { t_ns, kind: RemarkKind::Trigger, text: "".into() };
            Encoder::new(0).remark(&remark, &mut sink).unwrap();
            ring.block(BlockKind::Remark, &sink).unwrap();
        };
        let end = |t_ns| End { t_ns, reason: EndReason::NextSegment, open: Vec::new(), lost: Default::default() };
        remark(&mut ring, 14 * S);
        ring.advance(&end(14 * S));
        ring.advance(&end(15 * S));
        // A later block is not in the file.
        remark(&mut ring, 16 * S);
        ring.advance(&end(16 * S));
        let mut sink = Vec::new();
        put_end(&end(17 * S), &mut sink).unwrap();
        ring.block(BlockKind::End, &sink).unwrap();
        ring.finish().unwrap();
        let [meta, remark, end] = [BlockKind::Meta, BlockKind::Remark, BlockKind::End].map(Some);
        assert_eq!(kinds(std::path::Path::new(&ring.incidents()[0])), [meta, remark, end]);
        assert_eq!(kinds(&ring.segment.path), [meta, remark, remark, end]);
    }
}
