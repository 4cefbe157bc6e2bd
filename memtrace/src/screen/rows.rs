//! The rows of the table: of one interval, grouped, filtered and sorted.

use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

use memtrace_common::kind::StallKind;

use super::filter::RowFilter;
use crate::{
    container::Container,
    event::Oom,
    session::{
        faults::Faults,
        recent::{RecentRow, Who},
        tally::KindTally,
        tick::{Interval, Tick},
    },
    untrusted::Untrusted,
};

/// What a row is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Group {
    /// A process.
    #[default]
    Process,
    /// A memory cgroup.
    Cgroup,
    /// A kind of stall.
    Kind,
}

impl Group {
    /// The next one.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Process => Self::Cgroup,
            Self::Cgroup => Self::Kind,
            Self::Kind => Self::Process,
        }
    }

    /// The head of its column.
    #[must_use]
    pub const fn head(self) -> &'static str {
        match self {
            Self::Process => "PROCESS",
            Self::Cgroup => "CGROUP",
            Self::Kind => "KIND",
        }
    }
}

/// What rows are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortBy {
    /// Name, from a to z.
    Name,
    /// Stalls.
    Stalls,
    /// Time stalled.
    #[default]
    Time,
    /// Median.
    P50,
    /// 99th percentile.
    P99,
    /// The longest.
    Max,
    /// Refaults.
    Refaults,
    /// Pages reclaimed.
    Reclaimed,
    /// OOM kills.
    Oom,
}

impl SortBy {
    const ALL: [Self; 9] = [
        Self::Name,
        Self::Stalls,
        Self::Time,
        Self::P50,
        Self::P99,
        Self::Max,
        Self::Refaults,
        Self::Reclaimed,
        Self::Oom,
    ];

    /// The one so many columns further.
    #[must_use]
    pub fn step(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|sort| *sort == self).unwrap_or(0);
        Self::ALL[(at + by) % Self::ALL.len()]
    }

    fn compare(self, a: &Row, b: &Row) -> Ordering {
        let refaults =
            |row: &Row| row.faults.map(|f| f.refaults.file_pages.saturating_add(f.refaults.anon_pages)).unwrap_or(0);
        match self {
            Self::Name => a.name.cmp(&b.name),
            Self::Stalls => b.stalls.count.cmp(&a.stalls.count),
            Self::Time => b.stalls.total_ns.cmp(&a.stalls.total_ns),
            Self::P50 => b.stalls.p50_ns.cmp(&a.stalls.p50_ns),
            Self::P99 => b.stalls.p99_ns.cmp(&a.stalls.p99_ns),
            Self::Max => b.stalls.max_ns.cmp(&a.stalls.max_ns),
            Self::Refaults => refaults(b).cmp(&refaults(a)),
            Self::Reclaimed => b.reclaimed_pages.cmp(&a.reclaimed_pages),
            Self::Oom => b.ooms.cmp(&a.ooms),
        }
    }
}

/// A row, in words where it names something.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Who, to find it again in another interval; `None` for a kind.
    pub who: Option<Who>,
    /// What it is called.
    pub name: String,
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
    /// Pages reclaimed in its stalls; `None` when not read.
    pub reclaimed_pages: Option<u64>,
    /// OOM kills in it.
    pub ooms: u64,
}

impl Row {
    /// Whether anything of what the table shows happened to it.
    fn has_any(&self) -> bool {
        let refaults = self.faults.map_or(0, |faults| {
            faults.refaults.file_pages.saturating_add(faults.refaults.anon_pages).saturating_add(faults.swapin_pages)
        });
        self.stalls.count > 0 || refaults > 0 || self.ooms > 0
    }
}

/// Paths of cgroups by id.
pub(super) type Paths = BTreeMap<u64, Arc<[u8]>>;

/// All rows of an interval that fit, sorted.
pub(super) fn rows(
    tick: &Tick,
    ooms: &[(Oom, Option<Arc<[u8]>>)],
    paths: &Paths,
    group: Group,
    filter: &RowFilter,
    order: (SortBy, bool),
) -> Vec<Row> {
    let recent = tick.rows.as_ref();
    let mut rows: Vec<Row> = match group {
        Group::Process => {
            recent.map(|rows| &rows.processes).into_iter().flatten().map(|r| of(r, tick, paths)).collect()
        }
        Group::Cgroup => recent.map(|rows| &rows.cgroups).into_iter().flatten().map(|r| of(r, tick, paths)).collect(),
        Group::Kind => tick.stalls.iter().map(|(kind, stalls)| of_kind(*kind, stalls)).collect(),
    };
    for row in &mut rows {
        row.ooms = ooms.iter().filter(|(oom, _)| is_of(row, oom)).count() as u64;
    }
    // Who only read from disk has no place in a table of who waits for memory.
    rows.retain(|row| row.has_any() && filter.fits(row));
    let (sort, reverse) = order;
    rows.sort_by(|a, b| {
        let order = sort.compare(a, b);
        (if reverse { order.reverse() } else { order }).then_with(|| a.name.cmp(&b.name)).then(a.who.cmp(&b.who))
    });
    rows
}

fn is_of(row: &Row, oom: &Oom) -> bool {
    match row.who {
        Some(Who::Process(pid, _)) => pid == oom.victim.pid,
        Some(Who::Cgroup(id)) => id.is_some() && id == oom.victim.cgroup_id,
        None => false,
    }
}

fn of(row: &RecentRow, tick: &Tick, paths: &Paths) -> Row {
    let cgroup = match row.cgroup_id {
        Some(id) => paths.get(&id).map_or_else(|| format!("id {id}"), |path| Untrusted(path).tty().to_string()),
        None => String::new(),
    };
    let (name, pid) = match row.who {
        Who::Process(pid, _) => (format!("{} ({pid})", Untrusted(row.comm.bytes()).tty()), Some(pid)),
        Who::Cgroup(None) => ("not read".to_owned(), None),
        Who::Cgroup(Some(id)) => (container(id, paths).unwrap_or_else(|| cgroup.clone()), None),
    };
    Row {
        who: Some(row.who),
        name,
        cgroup,
        pid,
        stalls: row.stalls,
        kinds: row.kinds.clone(),
        faults: tick.refaults.map(|_| row.faults),
        reclaimed_pages: row.reclaimed_pages,
        ooms: 0,
    }
}

/// The short name of a container or a pod, which says more than the end of its path; the details have that.
fn container(id: u64, paths: &Paths) -> Option<String> {
    let container = Container::of(paths.get(&id)?).filter(|container| !container.is_unit())?;
    Some(Untrusted(&container.short()).tty().to_string())
}

fn of_kind(kind: StallKind, stalls: &Interval) -> Row {
    Row {
        who: None,
        name: kind.name().to_owned(),
        cgroup: String::new(),
        pid: None,
        stalls: *stalls,
        kinds: vec![(kind, KindTally { count: stalls.count, total_ns: stalls.total_ns })],
        faults: None,
        reclaimed_pages: None,
        ooms: 0,
    }
}
