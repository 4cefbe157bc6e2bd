//! The engine: passes the content of a trace to the session, exactly as live did.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    cgroups::Coming,
    damage::Damaged,
    ending::reported_sum,
    held::{self, Held, Split},
    note::Note,
    process_names::ProcessNames,
    watch::{Flow, Watch},
    window::Window,
    without_meta,
};
use memtrace_core::{
    event::Event,
    hook::{HookId, HookSet},
    session::{
        Session, SessionConfig,
        filter::{CgroupNames, Filter},
        input::TickInput,
    },
    sum,
};
use memtrace_trace::{
    TraceItem,
    model::{ClockReading, EndReason, Entry, Meta, TickRecord},
};

/// Largest deviation of the wall clock without a note, in ns.
pub(super) const CLOCK_SET_NS: u64 = 2_000_000_000;

/// Options of a replay.
#[derive(Clone, Debug, Default)]
pub struct ReplayOptions {
    /// Filter on the stalls that were recorded.
    pub filter: Filter,
    /// Time that is shown, in whole ticks.
    pub window: Window,
    /// True when ticks must have rows of processes and cgroups.
    pub rows: bool,
}

/// One recording on its way through a session.
#[derive(Debug)]
pub struct Replay {
    pub(super) meta: Meta,
    pub(super) options: ReplayOptions,
    pub(super) session: Session,
    /// True once the window has begun; `done` once it is over.
    pub(super) begun: bool,
    pub(super) done: bool,
    /// The segment that is being read; `ended` once its regular end was seen.
    pub(super) segment: u32,
    pub(super) ended: bool,
    pub(super) held: Held,
    pub(super) known: ProcessNames,
    pub(super) paths: BTreeMap<u64, Arc<[u8]>>,
    pub(super) notes: Vec<Note>,
    /// Stalls reported up to the last tick of the trace: count, and time in ns.
    pub(super) reported: (u64, u64),
    pub(super) ticks_ns: Option<(u64, u64)>,
    pub(super) shown_ticks: u64,
    pub(super) stalls_since_tick: u64,
    pub(super) unrecorded: [u64; 3],
    pub(super) suspended_ns: u64,
    pub(super) damage: Option<Damaged>,
    pub(super) coming: Coming,
}

impl Replay {
    /// A replay of a recording from the first segment given; without a beginning, from [`without_meta`].
    #[must_use]
    pub fn new(meta: Option<Meta>, options: ReplayOptions) -> Self {
        let lost_beginning = meta.is_none();
        let meta = meta.unwrap_or_else(|| without_meta(ClockReading::default()));
        let setup = &meta.setup;
        let mut baseline = meta.baseline.clone();
        let filter = if options.filter.is_empty() {
            setup.filter.clone()
        } else {
            // The counters of a cgroup belong to the filter of the recording.
            baseline.readings.before.cgroup = None;
            baseline.readings.after.cgroup = None;
            options.filter.clone()
        };
        let mut session = Session::new(SessionConfig {
            start_ns: setup.start_ns,
            own_pid: setup.own_pid,
            filter,
            scans_read: setup.scans_read,
            kswapd_read: HookSet::recorded(&setup.hooks).is_none_or(|hooks| hooks.has(HookId::KswapdWake)),
            stacks: setup.stacks,
            sources: setup.sources,
            faults_read: setup.faults_read,
            mglru: setup.mglru,
            recorded: true,
            rows: options.rows,
            ..SessionConfig::default()
        });
        session.cover(baseline);
        session.count_nodes_from(meta.nodes_from.clone());
        session.count_memory_from(meta.memory());
        let mut notes = Vec::new();
        let (mut begun, mut reported) = (!lost_beginning, (0, 0));
        if lost_beginning {
            notes.push(Note::NoMeta);
        }
        if let Some(base) = &meta.base {
            session.begin_at(&base.input);
            reported = reported_sum(&base.input);
        }
        if meta.segment > 0 {
            notes.push(Note::BeginsLater { segment: meta.segment });
        }
        let first_ns = meta.start_ns();
        begun &= !options.window.begins_after(first_ns, setup.interval_ns);
        Self {
            segment: meta.segment,
            meta,
            options,
            session,
            begun,
            done: false,
            ended: false,
            held: Held::default(),
            known: ProcessNames::default(),
            paths: BTreeMap::new(),
            notes,
            reported,
            ticks_ns: None,
            shown_ticks: 0,
            stalls_since_tick: 0,
            unrecorded: [0; 3],
            suspended_ns: 0,
            damage: None,
            coming: Coming::default(),
        }
    }

    /// The beginning of the recording, as far as it is known.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// True when all of the recording is shown from its very beginning.
    #[must_use]
    pub fn is_from_the_start(&self) -> bool {
        self.begun && self.meta.base.is_none() && self.shown_ticks == 0
    }

    /// The filter in force: that of the replay, else that of the recording.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        if self.options.filter.is_empty() { &self.meta.setup.filter } else { &self.options.filter }
    }

    /// Adds a note from outside the trace.
    pub fn note(&mut self, note: Note) {
        self.notes.push(note);
    }

    /// Time that is shown.
    #[must_use]
    pub fn window(&self) -> &Window {
        &self.options.window
    }

    /// Takes the next item of the trace, with the entries of that block and the paths that are known so far.
    pub fn ingest(
        &mut self,
        item: &TraceItem,
        entries: &[Entry],
        names: &dyn CgroupNames,
        watch: &mut impl Watch,
    ) -> Flow {
        if self.done {
            return Flow::Done;
        }
        match item {
            TraceItem::Meta(meta) => self.next_segment(meta, watch),
            TraceItem::Clock(reading) => self.clock(reading),
            TraceItem::Entries => self.entries(entries, names, watch),
            TraceItem::Tick(record) => self.tick(record, names, watch),
            TraceItem::Remark(remark) => self.remark(remark, watch),
            TraceItem::End(end) => {
                if end.reason != EndReason::NextSegment {
                    self.release_held(names, watch);
                }
                self.end(end);
            }
            TraceItem::Damage(damage) => {
                // A cut tail is a missing end, which has a note of its own.
                if !damage.is_cut {
                    let last_ns = self.ticks_ns.map(|(_, last)| last);
                    self.damage.get_or_insert_with(|| Damaged::new(last_ns)).add(damage.bytes, &damage.what);
                    watch.missing();
                }
            }
        }
        if self.done { Flow::Done } else { Flow::Go }
    }

    fn next_segment(&mut self, meta: &Meta, watch: &mut impl Watch) {
        let expected = self.segment.saturating_add(1);
        let base = meta.base.as_ref().map_or((0, 0), |base| reported_sum(&base.input));
        let (stalls, total_ns) = (base.0.saturating_sub(self.reported.0), base.1.saturating_sub(self.reported.1));
        if meta.segment > expected {
            self.notes.push(Note::Gap { segments: (expected, meta.segment - 1), stalls, total_ns });
            watch.missing();
        } else if let Some((_, last_ns)) = self.ticks_ns
            && meta.start_ns() > last_ns
            && self.damage.is_none()
        {
            let (segment, from_ns, to_ns) = (self.segment, last_ns, meta.start_ns());
            self.notes.push(Note::Cut { segment, from_ns, to_ns, stalls, total_ns });
            watch.missing();
        }
        self.segment = meta.segment;
        self.ended = false;
    }

    fn clock(&mut self, reading: &ClockReading) {
        if self.meta.clock == ClockReading::default() {
            self.meta.clock = *reading;
            return;
        }
        let offset = |reading: &ClockReading| i128::from(reading.realtime_ns) - i128::from(reading.monotonic_ns);
        let by_ns = i64::try_from(offset(reading) - offset(&self.meta.clock)).unwrap_or(i64::MAX);
        let slept = |reading: &ClockReading| reading.boottime_ns.saturating_sub(reading.monotonic_ns);
        self.suspended_ns = self.suspended_ns.max(slept(reading).saturating_sub(slept(&self.meta.clock)));
        let said = self.notes.iter().any(|note| matches!(note, Note::ClockSet { .. }));
        if by_ns.unsigned_abs() > CLOCK_SET_NS && !said {
            self.notes.push(Note::ClockSet { by_ns });
        }
    }

    fn entries(&mut self, entries: &[Entry], names: &dyn CgroupNames, watch: &mut impl Watch) {
        for entry in entries {
            match entry {
                Entry::Event(event) if self.is_near_a_bound(held::time(event)) => self.held.push(*event),
                Entry::Event(event) if self.begun => self.event(event, names, watch),
                Entry::Event(_) => {}
                Entry::Name { pid, process_start_ns, comm } => {
                    let met = self.session.name_process(*pid, *process_start_ns, *comm);
                    self.known.learn((*pid, *process_start_ns), met, |known| known.comm = Some(*comm));
                }
                Entry::Mark { pid, process_start_ns, in_command } => {
                    self.session.mark_process(*pid, *process_start_ns, *in_command);
                    self.known
                        .learn((*pid, *process_start_ns), self.begun, |known| known.in_command = Some(*in_command));
                }
            }
        }
    }

    /// Takes the events that no tick places any more. A window that no tick has begun has none.
    pub(super) fn release_held(&mut self, names: &dyn CgroupNames, watch: &mut impl Watch) {
        let held = self.held.take();
        if self.begun {
            held.iter().for_each(|event| self.event(event, names, watch));
        }
    }

    /// True for the time of an event that only the next tick places inside the window or outside.
    fn is_near_a_bound(&self, t_ns: u64) -> bool {
        let (window, interval_ns) = (&self.options.window, self.meta.setup.interval_ns);
        if self.begun { window.ends_by(t_ns, interval_ns) } else { !window.begins_after(t_ns, interval_ns) }
    }

    fn event(&mut self, event: &Event, names: &dyn CgroupNames, watch: &mut impl Watch) {
        let applied = self.session.apply(event, names);
        match event {
            Event::Stall(stall) => {
                self.stalls_since_tick += 1;
                if applied.new_cgroup {
                    self.learn(stall.cgroup_id, names);
                }
                if applied.new_process {
                    self.known.introduce(&mut self.session, stall.pid, stall.process_start_ns);
                }
            }
            Event::Oom(oom) => oom.cgroups().for_each(|id| self.learn(Some(id), names)),
            Event::Freed(_) | Event::Kswapd(_) => {}
        }
        watch.event(event, applied.shown, &self.paths);
    }

    fn learn(&mut self, id: Option<u64>, names: &dyn CgroupNames) {
        if let Some(id) = id
            && !self.paths.contains_key(&id)
            && let Some(path) = names.path(id)
        {
            self.paths.insert(id, path.into());
        }
    }

    fn tick(&mut self, record: &TickRecord, names: &dyn CgroupNames, watch: &mut impl Watch) {
        let (t_ns, interval_ns) = (record.input.t_ns, self.meta.setup.interval_ns);
        self.ticks_ns = Some((self.ticks_ns.map_or(t_ns, |(first, _)| first), t_ns));
        self.reported = reported_sum(&record.input);
        if let Some(damage) = &mut self.damage {
            damage.tick(t_ns);
        }
        if !self.begun {
            for process in &record.input.faults.processes {
                let key = (process.pid, process.process_start_ns);
                self.known.learn(key, false, |known| known.comm = known.comm.or(Some(process.comm)));
            }
            let split = self.held.split(&record.input);
            if !self.options.window.begins_after(t_ns, interval_ns) {
                let reported = split.reported(record.input.reported);
                self.session.begin_at(&TickInput { reported, ..record.input.clone() });
                watch.begin(record);
                self.begun = true;
                // A window between two ticks has no tick: the next one lies outside.
                self.done = self.options.window.until_ns.is_some_and(|until_ns| until_ns <= t_ns);
                if !self.done {
                    split.after.iter().for_each(|event| self.event(event, names, watch));
                }
            }
            return;
        }
        self.done = self.options.window.ends_by(t_ns, interval_ns);
        let split = if self.done { self.held.split(&record.input) } else { Split::all(self.held.take()) };
        split.before.iter().for_each(|event| self.event(event, names, watch));
        self.stalls_since_tick = 0;
        self.unrecorded(record, names);
        for id in record.input.faults.processes.iter().filter_map(|process| process.cgroup_id) {
            self.learn(Some(id), names);
        }
        for (id, _) in &record.input.faults.cgroups {
            self.learn(Some(*id), names);
        }
        let recorded = &self.meta.setup.filter;
        let is_part = !self.options.filter.is_empty() && !recorded.is_empty();
        let tick = if split.after.is_empty() && !is_part {
            self.session.tick(&record.input, names)
        } else {
            let mut input = TickInput { reported: split.reported(record.input.reported), ..record.input.clone() };
            if is_part {
                // Events have passed the filter of the recording, but refaults are all there.
                input.faults.processes.retain(|process| recorded.matches_faults(process, names));
                input.faults.cgroups.retain(|(id, _)| recorded.matches_cgroup(*id, names));
            }
            self.session.tick(&input, names)
        };
        for process in &record.input.faults.processes {
            self.known.introduce(&mut self.session, process.pid, process.process_start_ns);
        }
        self.shown_ticks += 1;
        watch.tick(tick, record, &self.paths);
    }

    fn unrecorded(&mut self, record: &TickRecord, names: &dyn CgroupNames) {
        if record.unrecorded_processes.is_empty() && record.unrecorded_cgroups.is_empty() {
            return;
        }
        for process in &record.unrecorded_processes {
            self.learn(process.cgroup_id, names);
            sum::add(&mut self.unrecorded[0], process.stalls.count);
            sum::add(&mut self.unrecorded[1], process.stalls.total_ns);
        }
        record.unrecorded_cgroups.iter().for_each(|(id, _)| self.learn(*id, names));
        let mut processes = record.unrecorded_processes.clone();
        for process in &mut processes {
            // A row's own name begins anew with each segment.
            let known = self.known.of(process.pid, process.process_start_ns);
            process.comm = known.comm.unwrap_or(process.comm);
            process.in_command = known.in_command.unwrap_or(process.in_command);
        }
        let filter = &self.options.filter;
        if filter.is_empty() {
            self.session.apply_unrecorded(&processes, &record.unrecorded_cgroups);
            return;
        }
        if !filter.kinds.is_empty() {
            self.unrecorded[2] = self.unrecorded[0];
        }
        processes.retain(|process| process.matches(filter, names));
        let mut cgroups = record.unrecorded_cgroups.clone();
        cgroups.retain(|(id, _)| id.is_some_and(|id| filter.matches_cgroup(id, names)));
        self.session.apply_unrecorded(&processes, &cgroups);
    }
}
