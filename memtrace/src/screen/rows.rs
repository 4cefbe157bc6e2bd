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

/// A row, in words where it names something.
#[derive(Clone, Debug, PartialEq)]
pub struct ScreenRow {
    /// Who, to find it again in another interval; `None` for a kind.
    pub who: Option<Who>,
    /// What it is called.
    pub name: String,
    /// Its cgroup; `None` where there is not one alone.
    pub cgroup_id: Option<u64>,
    /// The path of its cgroup, empty where there is none.
    pub cgroup: String,
    /// Process id, of a process.
    pub pid: Option<u32>,
    /// Its stalls.
    pub stalls: Interval,
    /// Their kinds.
    pub kinds: Vec<(StallKind, KindTally)>,
    /// What it had to get back; `None` where that is not read.
    pub faults: Option<Faults>,
    /// What they were like; `None` where that is not told apart.
    pub detail: Option<Detail>,
    /// Pages reclaimed in its stalls; `None` when not read.
    pub reclaimed_pages: Option<u64>,
    /// How often it asked for kswapd; `None` where that is not told apart.
    pub wakeups: Option<u64>,
    /// OOM kills in it.
    pub ooms: u64,
}

impl ScreenRow {
    /// Whether anything of what the table shows happened to it.
    fn has_any(&self) -> bool {
        let pages = self.faults.map_or(0, |faults| faults.refaulted_pages().saturating_add(faults.swapin_pages));
        let is_stalled = self.stalls.count > 0 || self.stalls.stalled_ns > 0;
        is_stalled || pages > 0 || self.ooms > 0 || self.wakeups.is_some_and(|wakeups| wakeups > 0)
    }

    /// True for a stall of the row that is not over. Whose cgroup and node it is, is not known while it lasts.
    pub(super) fn has_open(&self, stall: &OpenStall) -> bool {
        match self.who {
            Some(Who::Process(pid, _)) => stall.pid == pid,
            Some(Who::Thread(tid, _)) => stall.tid == tid,
            Some(Who::Cgroup(_) | Who::Node(_)) => false,
            None => self.cgroup.is_empty() && self.name == stall.kind.name(),
        }
    }

    /// Adds what another row of the same name has.
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

/// All rows of an interval that fit, sorted.
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
    // Who only read from disk has no place in a table of who waits for memory.
    rows.retain(|row| row.has_any() && filter.fits(row));
    let (sort, reverse) = order;
    rows.sort_by(|a, b| {
        let order = sort.compare(a, b, tick);
        (if reverse { order.reverse() } else { order }).then_with(|| a.name.cmp(&b.name)).then(a.who.cmp(&b.who))
    });
    rows
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

/// What says more than the end of its path.
fn short_name(container: &Container<'_>) -> String {
    Untrusted(&container.short()).tty().to_string()
}

/// The rows of cgroups, put together by whose they are. Those of nobody stay as they are.
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
