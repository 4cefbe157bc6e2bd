//! The container, the pod and the unit of a cgroup, as an object.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    values::{Name, Shown, name},
    words,
};
use memtrace_core::{
    container::{self, PodUid},
    names::Names,
};

/// Owner of a cgroup, by its path.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Container<'a> {
    /// Container runtime; null when the path does not name it.
    #[schemars(with = "Option<words::Runtime>")]
    pub runtime: Option<&'static str>,
    /// Id, or name, of the container.
    pub id: Option<Name<'a>>,
    /// Uid of the pod.
    pub pod: Option<Shown<PodUid<'a>>>,
    /// The systemd unit, inside the container when there is one.
    pub unit: Option<Name<'a>>,
}

impl<'a> Container<'a> {
    /// Owner of the cgroup with this id; `None` when its path is not known or is that of no container, pod or unit.
    pub(super) fn of(cgroup_id: Option<u64>, names: &Names<'a>) -> Option<Self> {
        let found = container::Container::of(names.cgroup(cgroup_id)?)?;
        Some(Self {
            runtime: found.runtime,
            id: found.id.map(name),
            pod: found.pod_uid().map(Shown),
            unit: found.unit.map(name),
        })
    }
}
