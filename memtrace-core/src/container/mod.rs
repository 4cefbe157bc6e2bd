//! Finds the container, the pod and the systemd unit in the path of a cgroup.
//!
//! A path is read from the top down, and the innermost container counts: a node of a cluster that is itself a container
//! has its pods below it. Everything below a container belongs to it. A path of unknown shape gives nothing, never a
//! guess.

mod pattern;
mod table;

use std::fmt;

pub use self::pattern::ContainerPattern;
use self::table::{ID_PATTERNS, PARENTS, PREFIXES, is_id, is_pod};
use crate::untrusted::Untrusted;

/// The runtimes that a path can identify.
pub const RUNTIMES: [&str; 7] = ["docker", "containerd", "cri-o", "podman", "lxc", "nspawn", "libvirt"];

/// Owner of a cgroup according to its path. The parts are bytes of the path, which other processes chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Container<'a> {
    /// The runtime, one of [`RUNTIMES`]; `None` when not known, as for a bare id below a pod.
    pub runtime: Option<&'static str>,
    /// Id, or name, of the container.
    pub id: Option<&'a [u8]>,
    /// Uid of the pod as in the path: the name of a slice has underscores instead of dashes.
    pub pod: Option<&'a [u8]>,
    /// The systemd unit, inside the container when there is one.
    pub unit: Option<&'a [u8]>,
}

/// Suffixes of units that hold processes of their own.
const UNITS: [&[u8]; 5] = [b".service", b".scope", b".socket", b".mount", b".swap"];

/// Number of digits of a container's id that are shown, as the tools of the runtimes do.
const SHORT_ID: usize = 12;

impl<'a> Container<'a> {
    /// Parses the path of a cgroup; `None` when it is neither a container nor a pod nor a unit.
    #[must_use]
    pub fn of(path: &'a [u8]) -> Option<Self> {
        let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
        let mut found = Self::default();
        let mut above: &[u8] = b"";
        let mut in_kubepods = false;
        for component in path.split(|&byte| byte == b'/').filter(|component| !component.is_empty()) {
            in_kubepods |= component.windows(8).any(|word| word == b"kubepods");
            if let Some(pod) = pod_in(component).filter(|_| in_kubepods) {
                found = Self { pod: Some(pod), ..Self::default() };
            } else if let Some((runtime, id)) = container_in(component, above, found.pod.is_some()) {
                found = Self { runtime, id: Some(id), pod: found.pod, unit: None };
            } else if UNITS.iter().any(|suffix| component.ends_with(suffix)) {
                found.unit = Some(component);
            }
            above = component;
        }
        (found != Self::default()).then_some(found)
    }

    /// True when it is only a unit of the host, not a container or a pod.
    #[must_use]
    pub const fn is_unit(&self) -> bool {
        self.id.is_none() && self.pod.is_none()
    }

    /// Uid of the pod, with dashes.
    #[must_use]
    pub fn pod_uid(&self) -> Option<PodUid<'a>> {
        self.pod.map(PodUid)
    }

    /// A short name: `docker:1a2b3c4d5e6f`, `pod:UID`, or the unit.
    #[must_use]
    pub fn short(&self) -> Vec<u8> {
        let short_id = |id: &'a [u8]| if is_id(id) { &id[..SHORT_ID] } else { id };
        match (self.id, self.pod_uid().map(PodUid::bytes), self.unit) {
            (Some(id), None, _) => [self.runtime.unwrap_or("container").as_bytes(), b":", short_id(id)].concat(),
            (Some(id), Some(pod), _) => [b"pod:", &pod[..8], b"/", short_id(id)].concat(),
            (None, Some(pod), _) => [b"pod:".as_slice(), &pod].concat(),
            (None, None, unit) => unit.unwrap_or_default().to_vec(),
        }
    }
}

/// Uid of a pod, with dashes.
#[derive(Clone, Copy, Debug)]
pub struct PodUid<'a>(&'a [u8]);

impl PodUid<'_> {
    /// The uid as bytes.
    #[must_use]
    pub fn bytes(self) -> Vec<u8> {
        self.0.iter().map(|&byte| if byte == b'_' { b'-' } else { byte }).collect()
    }
}

impl fmt::Display for PodUid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.0.split(|&byte| byte == b'_').enumerate() {
            f.write_str(if at == 0 { "" } else { "-" })?;
            Untrusted(part).tty().fmt(f)?;
        }
        Ok(())
    }
}

/// The uid in the name of a pod's cgroup: `podUID`, or `kubepods-CLASS-podUID.slice`.
fn pod_in(component: &[u8]) -> Option<&[u8]> {
    let uid = match component.strip_suffix(b".slice") {
        Some(slice) => &slice[slice.windows(4).rposition(|word| word == b"-pod")? + 4..],
        None => component.strip_prefix(b"pod")?,
    };
    is_pod(uid).then_some(uid)
}

/// Runtime and id of a component that is a container.
fn container_in<'a>(component: &'a [u8], above: &[u8], in_pod: bool) -> Option<(Option<&'static str>, &'a [u8])> {
    let of = |table: &[(&[u8], &'static str)], key: &[u8]| {
        table.iter().find(|(known, _)| *known == key).map(|(_, runtime)| *runtime)
    };
    if is_id(component) {
        // In a pod, a bare id is a container in any case; elsewhere somebody may have a hash in a name.
        let runtime = of(&PARENTS, above);
        return (in_pod || runtime.is_some()).then_some((runtime.filter(|_| !in_pod), component));
    }
    let mut parts = component.split(|&byte| byte == b':');
    if let (Some(_), Some(prefix), Some(id), None) = (parts.next(), parts.next(), parts.next(), parts.next()) {
        return Some((Some(of(&PREFIXES, prefix)?), id)).filter(|_| is_id(id));
    }
    ID_PATTERNS.iter().find_map(|shape| Some((Some(shape.runtime), shape.id_in(component)?)))
}

#[cfg(test)]
mod tests;
