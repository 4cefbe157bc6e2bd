//! Grouping of the rows of the table.

/// Object that a row of the table stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowGroup {
    /// A process.
    #[default]
    Process,
    /// A thread.
    Thread,
    /// A memory cgroup.
    Cgroup,
    /// A container, pod or unit: the memory cgroups that belong to it.
    Container,
    /// A NUMA node.
    Node,
    /// A kind of stall.
    Kind,
}

impl RowGroup {
    const ALL: [Self; 6] = [Self::Process, Self::Thread, Self::Cgroup, Self::Container, Self::Node, Self::Kind];

    /// The next group; after the last comes the first.
    #[must_use]
    pub fn next(self) -> Self {
        let at = Self::ALL.iter().position(|group| *group == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }

    /// Head of the name column.
    #[must_use]
    pub const fn head(self) -> &'static str {
        match self {
            Self::Process => "PROCESS",
            Self::Thread => "THREAD",
            Self::Cgroup => "CGROUP",
            Self::Container => "CONTAINER",
            Self::Node => "NODE",
            Self::Kind => "KIND",
        }
    }
}
