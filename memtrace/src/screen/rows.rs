//! The rows of the table: of one interval, grouped, filtered and sorted.

use std::collections::BTreeMap;

use memtrace_common::kind::StallKind;

use super::{columns::SortBy, filter::RowFilter, group::RowGroup};
use memtrace_core::{
    container::Container,
    event::Oom,
    history::Paths,
    session::{
        detail::Detail,
        faults::Faults,
        input::OpenStall,
        item::KillPaths,
        tally::KindTally,
        tick::{Interval, Tick},
        tick::{RecentRow, RecentRows, Who},
    },
    untrusted::Untrusted,
};

/// A row of the table, with names in words.
#[derive(Clone, Debug, PartialEq)]
pub struct ScreenRow {
    /// Identity of the row, to find it in another interval; `None` for a kind, and for merged cgroups.
    pub who: Option<Who>,
    /// Name.
    pub name: String,
    /// ID of the cgroup; `None` where there is none or more than one.
    pub cgroup_id: Option<u64>,
    /// Path of the cgroup, empty where there is none.
    pub cgroup: String,
    /// Process ID, of a process or a thread.
    pub pid: Option<u32>,
    /// Stalls.
    pub stalls: Interval,
    /// Stalls by kind, with count and time.
    pub kinds: Vec<(StallKind, KindTally)>,
    /// Refaults, major faults and swap-ins; `None` where they are not read.
    pub faults: Option<Faults>,
    /// Details of the stalls; `None` where they are not counted by row.
    pub detail: Option<Detail>,
    /// Pages reclaimed in the stalls; `None` when not read.
    pub reclaimed_pages: Option<u64>,
    /// Number of kswapd wakeups that it requested; `None` where they are not counted by row.
    pub wakeups: Option<u64>,
    /// OOM kills in it.
    pub ooms: u64,
}

impl ScreenRow {
    /// True when the table has anything to show for the row.
    fn has_any(&self) -> bool {
        let pages = self.faults.map_or(0, |faults| faults.refaulted_pages().saturating_add(faults.swapin_pages));
        let is_stalled = self.stalls.count > 0 || self.stalls.stalled_ns > 0;
        is_stalled || pages > 0 || self.ooms > 0 || self.wakeups.is_some_and(|wakeups| wakeups > 0)
    }

    /// True for an open stall of the row. The cgroup and the node of a stall are unknown while it lasts.
    pub(super) fn has_open(&self, stall: &OpenStall) -> bool {
        match self.who {
            Some(Who::Process(pid, _)) => stall.pid == pid,
            Some(Who::Thread(tid, _)) => stall.tid == tid,
            Some(Who::Cgroup(_) | Who::Node(_)) => false,
            None => self.cgroup.is_empty() && self.name == stall.kind.name(),
        }
    }

    /// Adds the counts of another row of the same name.
    fn merge(&mut self, other: &Self) {
        self.stalls.merge(&other.stalls);
        for (kind, more) in &other.kinds {
            match self.kinds.iter_mut().find(|(known, _)| known == kind) {
                Some((_, sum)) => sum.add(*more),
                None => self.kinds.push((*kind, *more)),
            }
        }
        if let (Some(sum), Some(more)) = (&mut self.faults, &other.faults) {
            sum.merge(more);
        }
        if let (Some(sum), Some(more)) = (&mut self.detail, &other.detail) {
            sum.merge(more);
        }
        self.reclaimed_pages = self.reclaimed_pages.zip(other.reclaimed_pages).map(|(a, b)| a.saturating_add(b));
        self.ooms += other.ooms;
    }
}

/// All rows of an interval that match the filter, sorted.
pub(super) fn rows(
    tick: &Tick,
    ooms: &[(Oom, KillPaths)],
    paths: &Paths,
    group: RowGroup,
    filter: &RowFilter,
    order: (SortBy, bool),
) -> Vec<ScreenRow> {
    let of = |rows: fn(&RecentRows) -> &Vec<RecentRow>| {
        let rows = tick.rows.as_ref().map(rows).into_iter().flatten();
        rows.map(|row| {
            let mut row = of(row, tick, paths);
            row.ooms = ooms.iter().filter(|(oom, _)| is_of(&row, oom)).count() as u64;
            row
        })
        .collect()
    };
    let mut rows: Vec<ScreenRow> = match group {
        RowGroup::Process => of(|rows| &rows.processes),
        RowGroup::Thread => of(|rows| &rows.threads),
        RowGroup::Cgroup => of(|rows| &rows.cgroups),
        RowGroup::Container => containers(of(|rows| &rows.cgroups), paths),
        RowGroup::Node => of(|rows| &rows.nodes),
        RowGroup::Kind => tick.stalls.iter().map(|(kind, stalls)| of_kind(*kind, stalls)).collect(),
    };
    // A task that only reads from disk has no place in a table of tasks that wait for memory.
    rows.retain(|row| row.has_any() && filter.fits(row));
    let (sort, reverse) = order;
    sort.sort(rows, tick, reverse)
}

fn is_of(row: &ScreenRow, oom: &Oom) -> bool {
    match row.who {
        Some(Who::Process(pid, _)) => pid == oom.victim.pid,
        Some(Who::Thread(tid, _)) => tid == oom.victim.tid,
        Some(Who::Cgroup(id)) => id.is_some() && id == oom.victim.cgroup_id,
        Some(Who::Node(_)) | None => false,
    }
}

fn of(row: &RecentRow, tick: &Tick, paths: &Paths) -> ScreenRow {
    let cgroup = match row.cgroup_id {
        Some(id) => paths.get(&id).map_or_else(|| format!("id {id}"), |path| Untrusted(path).tty().to_string()),
        None => String::new(),
    };
    let named = |id: u32| format!("{} ({id})", Untrusted(row.comm.bytes()).tty());
    let (name, pid) = match row.who {
        Who::Process(pid, _) => (named(pid), Some(pid)),
        Who::Thread(tid, pid) => (named(tid), Some(pid)),
        Who::Cgroup(None) | Who::Node(None) => ("not read".to_owned(), None),
        Who::Cgroup(Some(id)) => {
            let short = container(id, paths).filter(|container| !container.is_unit());
            (short.map_or_else(|| cgroup.clone(), |container| short_name(&container)), None)
        }
        Who::Node(Some(nid)) => (format!("node {nid}"), None),
    };
    ScreenRow {
        who: Some(row.who),
        name,
        cgroup_id: row.cgroup_id,
        cgroup,
        pid,
        stalls: row.stalls,
        kinds: row.kinds.clone(),
        faults: row.faults.filter(|_| tick.refaults.is_some()),
        detail: Some(row.detail),
        reclaimed_pages: row.reclaimed_pages,
        wakeups: row.wakeups,
        ooms: 0,
    }
}

fn container(id: u64, paths: &Paths) -> Option<Container<'_>> {
    Container::of(paths.get(&id)?)
}

/// Short name of a container, which says more than the end of its path.
fn short_name(container: &Container<'_>) -> String {
    Untrusted(&container.short()).tty().to_string()
}

/// Merges the rows of cgroups that belong to one container, pod or unit. Rows of other cgroups stay as they are.
fn containers(cgroups: Vec<ScreenRow>, paths: &Paths) -> Vec<ScreenRow> {
    let mut rows: BTreeMap<String, ScreenRow> = BTreeMap::new();
    for mut row in cgroups {
        if let Some(Who::Cgroup(Some(id))) = row.who
            && let Some(container) = container(id, paths)
        {
            row.name = short_name(&container);
        }
        match rows.get_mut(&row.name) {
            Some(sum) => {
                (sum.who, sum.cgroup_id) = (None, None);
                sum.merge(&row);
            }
            None => drop(rows.insert(row.name.clone(), row)),
        }
    }
    rows.into_values().collect()
}

fn of_kind(kind: StallKind, stalls: &Interval) -> ScreenRow {
    ScreenRow {
        who: None,
        name: kind.name().to_owned(),
        cgroup_id: None,
        cgroup: String::new(),
        pid: None,
        stalls: *stalls,
        kinds: vec![(kind, KindTally { count: stalls.count, total_ns: stalls.total_ns })],
        faults: None,
        detail: None,
        reclaimed_pages: None,
        wakeups: None,
        ooms: 0,
    }
}
