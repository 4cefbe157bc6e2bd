//! Properties that the rows of a report can have in common.

/// Property by which stalls are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The process.
    Process,
    /// The memory cgroup.
    Cgroup,
    /// The container, pod or unit.
    Container,
    /// The NUMA node, of the kinds whose event names one.
    Node,
    /// The kind of stall.
    Kind,
    /// The order of the allocation.
    Order,
    /// The flags of the allocation.
    Gfp,
}

impl By {
    /// All of them, in the order in which help lists them.
    pub const ALL: [Self; 7] =
        [Self::Process, Self::Cgroup, Self::Container, Self::Node, Self::Kind, Self::Order, Self::Gfp];

    /// The text that help has beside the name.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::Process => "Process",
            Self::Cgroup => "Memory cgroup",
            Self::Container => "Container, pod or unit",
            Self::Node => "NUMA node, of the kinds whose event names one",
            Self::Kind => "Kind of stall",
            Self::Order => "Order of the allocation",
            Self::Gfp => "Flags of the allocation",
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.name() == name)
    }

    /// The name in every output and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Cgroup => "cgroup",
            Self::Container => "container",
            Self::Node => "node",
            Self::Kind => "kind",
            Self::Order => "order",
            Self::Gfp => "gfp",
        }
    }
}
