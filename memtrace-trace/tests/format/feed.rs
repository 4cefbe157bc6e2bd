//! Feeds everything that a reader returns to all its users.

use std::{collections::BTreeMap, sync::Arc};

use memtrace_core::{
    event::Event,
    hook::HookSet,
    session::{Session, SessionConfig, tick::Tick},
};
use memtrace_report::replay::{Flow, Replay, ReplayOptions, Watch};
use memtrace_trace::model::{Remark, TickRecord};
use memtrace_trace::{ReadError, Reader, TraceItem, model::Entry};

/// A watch that ignores everything.
struct Nobody;

impl Watch for Nobody {
    fn begin(&mut self, _: &TickRecord) {}
    fn event(&mut self, _: &Event, _: bool, _: &BTreeMap<u64, Arc<[u8]>>) {}
    fn tick(&mut self, _: Tick, _: &TickRecord, _: &BTreeMap<u64, Arc<[u8]>>) {}
    fn remark(&mut self, _: &Remark) {}
    fn missing(&mut self) {}
}

/// Counts of the items that were fed.
#[derive(Debug, Default)]
pub(super) struct Fed {
    pub(super) entries: usize,
    pub(super) ticks: usize,
    pub(super) damage: usize,
}

/// Reads everything into a session and a replay, as `replay` and `report` do.
pub(super) fn feed(bytes: &[u8]) -> Result<Fed, ReadError> {
    let mut fed = Fed::default();
    let mut reader = Reader::new(bytes);
    // Small tables, so that rows are folded.
    let mut session =
        Session::new(SessionConfig { processes: 8, cgroups: 4, recorded: true, ..SessionConfig::default() });
    let mut replay: Option<Replay> = None;
    while let Some(item) = reader.next_item()? {
        match &item {
            TraceItem::Meta(meta) => {
                session.begin(
                    meta.setup.start_ns,
                    HookSet::ALL,
                    meta.setup.mglru,
                    meta.setup.faults_read,
                    meta.setup.sources,
                );
                session.cover(meta.baseline.clone());
                session.count_nodes_from(meta.nodes_from.clone());
                replay.get_or_insert_with(|| Replay::new(Some((**meta).clone()), ReplayOptions::default()));
            }
            TraceItem::Entries => {
                fed.entries += reader.entries().len();
                for entry in reader.entries() {
                    match entry {
                        Entry::Event(event) => {
                            session.apply(event, reader.paths());
                        }
                        Entry::Name { pid, process_start_ns, comm } => {
                            session.name_process(*pid, *process_start_ns, *comm);
                        }
                        Entry::Mark { pid, process_start_ns, in_command } => {
                            session.mark_process(*pid, *process_start_ns, *in_command);
                        }
                    }
                }
            }
            TraceItem::Tick(tick) => {
                fed.ticks += 1;
                session.apply_unrecorded(&tick.unrecorded_processes, &tick.unrecorded_cgroups);
                session.tick(&tick.input, reader.paths());
                if fed.ticks.is_multiple_of(5) {
                    session.begin_at(&tick.input);
                }
            }
            TraceItem::End(end) => session.end(end.lost, &end.open),
            TraceItem::Damage(_) => fed.damage += 1,
            TraceItem::Clock(_) | TraceItem::Remark(_) => {}
        }
        let replay = replay.get_or_insert_with(|| Replay::new(None, ReplayOptions::default()));
        if replay.ingest(&item, reader.entries(), reader.paths(), &mut Nobody) == Flow::Done {
            break;
        }
    }
    let _ = session.summary();
    if let Some(replay) = replay {
        let _ = replay.finish();
    }
    let mut ticks = Reader::new(bytes).without_entries();
    while ticks.next_item()?.is_some() {}
    Ok(fed)
}
