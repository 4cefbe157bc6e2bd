//! The ring of segments as it is written, and the incident file beside it.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
};

use jiff::Timestamp;

use super::{store::Store, triggers::Trigger};
use crate::{
    record::sink::TraceFile,
    trace::{BlockKind, BlockSink, model::ClockReading},
    untrusted::Untrusted,
};

/// The segment that is written.
#[derive(Debug)]
struct Segment {
    path: PathBuf,
    file: TraceFile,
    begin_ns: u64,
}

/// An incident file that goes on for a while.
#[derive(Debug)]
struct Incident {
    path: PathBuf,
    file: TraceFile,
    begin_ns: u64,
    until_ns: u64,
}

/// Segments that come and go.
#[derive(Debug)]
pub(in crate::record) struct Ring {
    store: Store,
    segment: Segment,
    number: u32,
    clock: ClockReading,
    incident: Option<Incident>,
    /// When the last incident file ended.
    last_incident_ns: Option<u64>,
    incidents: Vec<String>,
    shown: Arc<AtomicU64>,
}

impl Ring {
    /// With its first segment.
    pub(in crate::record) fn new(store: Store, clock: &ClockReading, shown: Arc<AtomicU64>) -> io::Result<Self> {
        let begin_ns = clock.monotonic_ns;
        let (path, file) = store.create_segment(&stamp(clock, begin_ns, 0))?;
        let segment = Segment { path, file: TraceFile::new(file, Arc::clone(&shown)), begin_ns };
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
        let next = Segment { path, file: TraceFile::new(file, Arc::clone(&self.shown)), begin_ns: now_ns };
        let done = std::mem::replace(&mut self.segment, next);
        self.store.complete(done.path, done.begin_ns, done.file.bytes());
        self.store.prune(0, now_ns);
        Ok(())
    }

    /// Saves what is kept, and goes on for a while. What comes during an incident belongs to it.
    pub(in crate::record) fn trigger(&mut self, trigger: &Trigger) {
        let limits = *self.store.limits();
        let until_ns = trigger.t_ns.saturating_add(limits.after_ns);
        if let Some(incident) = &mut self.incident {
            // One that never ends would fill the disk.
            incident.until_ns = until_ns.min(incident.begin_ns.saturating_add(limits.keep_ns.max(limits.after_ns)));
            return;
        }
        let from_ns = limits.incident_from_ns(trigger.t_ns, self.last_incident_ns);
        match self.save(trigger, from_ns) {
            Ok((path, file)) => {
                eprintln!("memtrace: {}: saving it to {}", trigger.text, shown(&path));
                self.incidents.push(shown(&path));
                self.incident = Some(Incident { path, file, begin_ns: trigger.t_ns, until_ns });
            }
            Err(e) => eprintln!("memtrace: {}: it cannot be saved in {}: {e}", trigger.text, self.name()),
        }
    }

    /// A new file with the segments that reach back so far, this one included.
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

    pub(in crate::record) fn advance(&mut self, now_ns: u64) {
        if self.incident.as_ref().is_some_and(|incident| now_ns >= incident.until_ns) {
            self.end_incident(now_ns);
        }
        self.store.prune(self.segment.file.bytes(), now_ns);
    }

    fn end_incident(&mut self, now_ns: u64) {
        let Some(incident) = self.incident.take() else { return };
        self.last_incident_ns = Some(now_ns);
        if let Err(e) = incident.file.sync() {
            eprintln!("memtrace: {}: {e}: it may not be on the disk", shown(&incident.path));
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
            eprintln!("memtrace: {}: {e}: it ends here", shown(&incident.path));
            self.incident = None;
        }
        self.segment.file.block(kind, bytes)
    }
}

fn shown(path: &Path) -> String {
    Untrusted(path.as_os_str().as_encoded_bytes()).tty().to_string()
}

/// The time of day, so that names sort by it: `20261124T131500Z-000042`.
fn stamp(clock: &ClockReading, t_ns: u64, number: u32) -> String {
    let since_ns = i64::try_from(t_ns.saturating_sub(clock.monotonic_ns)).unwrap_or(0);
    let time = Timestamp::from_nanosecond(i128::from(clock.realtime_ns.saturating_add(since_ns))).unwrap_or_default();
    format!("{}-{number:06}", time.strftime("%Y%m%dT%H%M%SZ"))
}
