//! The container, the pod and the unit of a cgroup, as an object.

use schemars::JsonSchema;
use serde::Serialize;

use super::{values::text, words};
use memtrace_core::{container, names::Names};

/// Whose a cgroup is, as its path says.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Container {
    /// The runtime, when the path tells.
    #[schemars(with = "Option<words::Runtime>")]
    pub runtime: Option<&'static str>,
    /// Id, or name, of the container.
    pub id: Option<String>,
    /// Uid of the pod.
    pub pod: Option<String>,
    /// The systemd unit, inside the container when there is one.
    pub unit: Option<String>,
}

impl Container {
    /// Of the cgroup with this id; `None` when its path is not known or is that of no container, pod or unit.
    pub(super) fn of(cgroup_id: Option<u64>, names: &Names<'_>) -> Option<Self> {
        let found = container::Container::of(names.cgroup(cgroup_id)?)?;
        Some(Self {
            runtime: found.runtime,
            id: found.id.map(text),
            pod: found.pod_uid().as_deref().map(text),
            unit: found.unit.map(text),
        })
    }
}
