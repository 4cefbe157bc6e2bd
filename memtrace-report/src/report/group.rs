//! Tables by one property of the stalls.

use std::collections::HashMap;

use crate::{
    by::By,
    document::{Column, Document, Shape, Table, Words},
    json,
    text::{count, duration, duration_or_dash, in_no_row, percent, rest},
};
use memtrace_core::{
    container::Container,
    event::Stall,
    names::Names,
    session::{
        summary::{CgroupSummary, Group, Summary},
        tally::Tally,
    },
    untrusted::Untrusted,
};

impl By {
    /// Key of the row of a stall; `None` for processes and cgroups, of which the session has tables.
    fn key(self, stall: &Stall) -> Option<Option<i64>> {
        match self {
            Self::Process | Self::Cgroup | Self::Container => None,
            Self::Node => Some(stall.nid.map(i64::from)),
            Self::Kind => Some(Some(stall.kind as i64)),
            Self::Order => Some(stall.order.map(i64::from)),
            Self::Gfp => Some(stall.gfp.map(i64::from)),
        }
    }
}

/// Most rows of one table: flags of allocations are some dozen combinations.
const ROWS: usize = 1024;

/// Stalls collected for the tables.
#[derive(Debug, Default)]
pub struct Groups {
    tables: Vec<Collected>,
}

#[derive(Debug)]
struct Collected {
    by: By,
    rows: HashMap<Option<i64>, Tally>,
    other: Tally,
}

impl Groups {
    /// No stalls yet, for these tables.
    #[must_use]
    pub fn new(by: &[By]) -> Self {
        let table = |&by: &By| Collected { by, rows: HashMap::new(), other: Tally::default() };
        Self { tables: by.iter().map(table).collect() }
    }

    /// Counts a stall.
    pub fn add(&mut self, stall: &Stall) {
        for table in &mut self.tables {
            let Some(key) = table.by.key(stall) else { continue };
            if table.rows.len() < ROWS || table.rows.contains_key(&key) {
                table.rows.entry(key).or_default().add(stall);
            } else {
                table.other.add(stall);
            }
        }
    }

    /// The tables, the most stalled rows first.
    #[must_use]
    pub fn tables(&self, summary: &Summary, names: &Names<'_>) -> Vec<GroupTable> {
        self.tables.iter().map(|table| table.finish(summary, names)).collect()
    }
}

impl Collected {
    fn finish(&self, summary: &Summary, names: &Names<'_>) -> GroupTable {
        let mut rows = match self.by {
            By::Process => of_session(&summary.processes, |row| {
                let key = Untrusted(row.comm.bytes()).tty().to_string();
                GroupRow { key: Some(key), pid: Some(row.pid), id: None, tally: row.tally.clone() }
            }),
            By::Cgroup => of_session(&summary.cgroups, |row| {
                let key = names.cgroup(row.cgroup_id).map(|path| Untrusted(path).tty().to_string());
                GroupRow { key, pid: None, id: row.cgroup_id, tally: row.tally.clone() }
            }),
            By::Container => containers(&summary.cgroups, names),
            By::Node | By::Kind | By::Order | By::Gfp => {
                let row = |(key, tally): (&Option<i64>, &Tally)| GroupRow {
                    key: key.map(|key| self.describe(key, names)),
                    pid: None,
                    id: None,
                    tally: tally.clone(),
                };
                self.rows.iter().map(row).collect()
            }
        };
        rows.retain(|row| row.tally.stalls > 0);
        rows.sort_by(|a, b| {
            b.tally.total_ns.cmp(&a.tally.total_ns).then_with(|| (&a.key, a.pid).cmp(&(&b.key, b.pid)))
        });
        let (other, folded) = match self.by {
            By::Process => (&summary.processes.other, Some(summary.processes.folded)),
            By::Cgroup => (&summary.cgroups.other, Some(summary.cgroups.folded)),
            By::Container => (&summary.cgroups.other, None),
            By::Node | By::Kind | By::Order | By::Gfp => (&self.other, None),
        };
        GroupTable { by: self.by, rows, other: other.clone(), folded }
    }

    fn describe(&self, key: i64, names: &Names<'_>) -> String {
        use memtrace_common::kind::StallKind;
        let kind = || u8::try_from(key).ok().and_then(StallKind::from_u8).map(|kind| kind.name().to_owned());
        match self.by {
            By::Kind => kind().unwrap_or_else(|| key.to_string()),
            By::Gfp => u32::try_from(key).map_or_else(|_| key.to_string(), |gfp| names.gfp.render(gfp).to_string()),
            By::Process | By::Cgroup | By::Container | By::Node | By::Order => key.to_string(),
        }
    }
}

fn of_session<T>(group: &Group<T>, row: impl Fn(&T) -> GroupRow) -> Vec<GroupRow> {
    group.rows.iter().map(row).collect()
}

/// The cgroups of a container, a pod or a unit together; those of none in one row.
fn containers(cgroups: &Group<CgroupSummary>, names: &Names<'_>) -> Vec<GroupRow> {
    let mut rows: HashMap<Option<String>, Tally> = HashMap::new();
    for cgroup in &cgroups.rows {
        let key = names.cgroup(cgroup.cgroup_id).map(|path| match Container::of(path) {
            Some(container) => Untrusted(&container.short()).tty().to_string(),
            None => "(no container or unit)".to_owned(),
        });
        rows.entry(key).or_default().merge(&cgroup.tally);
    }
    rows.into_iter().map(|(key, tally)| GroupRow { key, pid: None, id: None, tally }).collect()
}

#[derive(Debug)]
struct GroupRow {
    /// Key in words, escaped; `None` when it was not read.
    key: Option<String>,
    pid: Option<u32>,
    id: Option<u64>,
    tally: Tally,
}

/// A finished table.
#[derive(Debug)]
pub struct GroupTable {
    by: By,
    rows: Vec<GroupRow>,
    other: Tally,
    /// Number of rows in `other`, where it holds nothing but rows.
    folded: Option<u64>,
}

impl GroupTable {
    fn total_ns(&self) -> u64 {
        self.rows.iter().fold(self.other.total_ns, |sum, row| sum.saturating_add(row.tally.total_ns))
    }

    fn share(&self, tally: &Tally) -> Option<f64> {
        let total = self.total_ns();
        #[expect(clippy::cast_precision_loss, reason = "a share for a person")]
        (total > 0).then(|| tally.total_ns as f64 / total as f64)
    }

    /// The objects.
    pub fn objects(&self) -> impl Iterator<Item = json::Group> + '_ {
        let row = |row: &GroupRow| json::Group {
            by: self.by.name(),
            other: false,
            key: row.key.clone(),
            pid: row.pid,
            cgroup_id: row.id,
            share: self.share(&row.tally),
            stalled: json::Stalled::new(&row.tally),
        };
        let other = (self.other.stalls > 0).then(|| json::Group {
            by: self.by.name(),
            other: true,
            key: None,
            pid: None,
            cgroup_id: None,
            share: self.share(&self.other),
            stalled: json::Stalled::new(&self.other),
        });
        self.rows.iter().map(row).chain(other)
    }

    /// Adds the table to a document.
    pub fn add(&self, out: &mut Document, top: usize) {
        out.gap();
        let by = self.by.name();
        let number = |head| Column::new(head, Shape::Right(7)).after("  ");
        let mut table = Table::new([
            Column::new("stalls", Shape::Right(16)).after(""),
            number("total"),
            number("p50"),
            number("p99"),
            number("max"),
            Column::new("share", Shape::Right(5)).after("  "),
            Column::new(format!("by {by}"), Shape::Rest).after("  "),
        ]);
        let (mut other, mut hidden) = (self.other.clone(), self.folded.unwrap_or(0));
        for (at, row) in self.rows.iter().enumerate() {
            if at >= top {
                other.merge(&row.tally);
                hidden += 1;
                continue;
            }
            let key = match (&row.key, row.pid, row.id) {
                (Some(key), Some(pid), _) => format!("{key}[{pid}]"),
                (Some(key), None, _) => key.clone(),
                (None, _, Some(id)) => format!("id {id}"),
                (None, _, None) => "- (not read)".to_owned(),
            };
            table.row(self.cells(&row.tally, &key));
        }
        if other.stalls > 0 {
            table.row(self.cells(&other, &rest(hidden)));
        }
        out.table_or(table, "no stall was recorded");
        if self.folded.is_none() && self.other.stalls > 0 {
            out.detail(in_no_row("stalls"));
        }
    }

    fn cells(&self, tally: &Tally, key: &str) -> [Words; 7] {
        [
            count(tally.stalls).into(),
            duration(tally.total_ns).into(),
            duration_or_dash(tally.quantile(0.50)).into(),
            duration_or_dash(tally.quantile(0.99)).into(),
            duration(tally.max_ns).into(),
            percent(self.share(tally)).into(),
            key.into(),
        ]
    }
}
