//! The rows of an interval.

use super::Session;
use crate::{
    event::Comm,
    session::{
        faults::Faults,
        input::OpenStall,
        open_time::FOLLOWED,
        process::ProcessKey,
        recent::{Label, Recent, row_of, sort},
        table::Row,
        tick::{RecentRow, RecentRows, Who},
    },
};

/// The row that matches, or else the new row, provided that it has a name.
fn row_or(
    rows: &mut Vec<RecentRow>,
    is_meant: impl Fn(&RecentRow) -> bool,
    name: Option<Comm>,
    new: RecentRow,
) -> Option<&mut RecentRow> {
    let at = rows.iter().position(is_meant).or_else(|| {
        rows.push(RecentRow { comm: name?, ..new });
        Some(rows.len() - 1)
    });
    rows.get_mut(at?)
}

impl Session {
    /// Takes the rows since the last tick, and starts new ones. `None` when rows are not enabled. `wakeups` are the
    /// wakeups of the nodes' kswapds in the interval, `open` the stalls that are not over at its end. The last argument
    /// is the end and the length of the interval, in ns.
    pub(super) fn take_recent(
        &mut self,
        wakeups: impl Iterator<Item = (u32, u64)>,
        open: &[OpenStall],
        (now_ns, elapsed_ns): (u64, u64),
    ) -> Option<RecentRows> {
        let tables = self.recent.as_mut()?;
        let known = &mut self.processes;
        let process = |row: &Row<ProcessKey, Label>| RecentRow {
            // The name of a process is looked up after its first stall.
            comm: known.get_mut(&row.key).map_or(row.label.comm, |known| known.label.comm),
            faults: Some(row.tally.faults),
            wakeups: Some(0),
            ..row_of(Who::Process(row.key.0, row.key.1), row)
        };
        let cgroup = |row: &Row<Option<u64>, Label>| RecentRow {
            cgroup_id: row.key,
            faults: Some(row.tally.faults),
            ..row_of(Who::Cgroup(row.key), row)
        };
        // A node has stalls of many tasks: the cgroup of the latest one is not that of the row.
        let node = |row: &Row<Option<u32>, Label>| RecentRow { cgroup_id: None, ..row_of(Who::Node(row.key), row) };
        let Recent { processes, threads, cgroups, nodes, .. } = &*tables;
        let mut rows = RecentRows {
            processes: processes.rows().iter().map(process).collect(),
            threads: threads.rows().iter().map(|row| row_of(Who::Thread(row.key.0, row.key.1), row)).collect(),
            cgroups: cgroups.rows().iter().map(cgroup).collect(),
            nodes: nodes.rows().iter().map(node).collect(),
            folded: processes.other().1 + threads.other().1 + cgroups.other().1 + nodes.other().1,
        };
        // With a filter, tasks that have no row do not get one.
        let others = self.config.filter.is_empty();
        for (pid, comm, count) in tables.wakers.drain(..).filter(|(pid, ..)| *pid != self.config.own_pid) {
            let known = rows.processes.iter_mut().find(|row| matches!(row.who, Who::Process(of, _) if of == pid));
            match known {
                Some(row) => row.wakeups = Some(count),
                None if others => rows.processes.push(RecentRow {
                    comm,
                    faults: Some(Faults::default()),
                    wakeups: Some(count),
                    ..RecentRow::new(Who::Process(pid, None))
                }),
                None => {}
            }
        }
        for (nid, count) in wakeups {
            match rows.nodes.iter_mut().find(|row| row.who == Who::Node(Some(nid))) {
                Some(row) => row.wakeups = Some(count),
                None if count > 0 => {
                    rows.nodes.push(RecentRow { wakeups: Some(count), ..RecentRow::new(Who::Node(Some(nid))) });
                }
                None => {}
            }
        }
        for stall in open.iter().take(FOLLOWED) {
            let so_far_ns = now_ns.saturating_sub(stall.begin_ns);
            let named = stall.comm.filter(|_| others);
            let of_process = |row: &RecentRow| matches!(row.who, Who::Process(pid, _) if pid == stall.pid);
            let process = RecentRow {
                faults: Some(Faults::default()),
                wakeups: Some(0),
                ..RecentRow::new(Who::Process(stall.pid, None))
            };
            let thread = RecentRow::new(Who::Thread(stall.tid, stall.pid));
            let of_thread = |row: &RecentRow| row.who == thread.who;
            if let Some(row) = row_or(&mut rows.processes, of_process, named, process) {
                row.stalls.add_open(so_far_ns, elapsed_ns);
            }
            if let Some(row) = row_or(&mut rows.threads, of_thread, named, thread.clone()) {
                row.stalls.add_open(so_far_ns, elapsed_ns);
            }
        }
        for rows in [&mut rows.processes, &mut rows.threads, &mut rows.cgroups, &mut rows.nodes] {
            sort(rows);
        }
        tables.processes.clear();
        tables.threads.clear();
        tables.cgroups.clear();
        tables.nodes.clear();
        Some(rows)
    }
}
