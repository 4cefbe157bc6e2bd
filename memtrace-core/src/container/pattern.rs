//! Choosing containers on the command line.

use super::Container;

/// Fewest digits of an id that choose a container.
const LEAST: usize = 3;

/// Prefixes that may stand before an id: the runtimes, and the beginnings of the short names.
const PREFIXES: [&str; 9] = ["docker", "containerd", "cri-o", "podman", "lxc", "nspawn", "libvirt", "container", "pod"];

/// Selects by the beginning of a container's id, by a pod's uid (or its beginning), by both (`UID/ID`), or by the name
/// of a unit, a machine or an LXC container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerPattern(Vec<u8>);

impl ContainerPattern {
    /// The pattern of the command line: also a short name as it is shown, or as other tools print it (`docker://ID`).
    ///
    /// # Errors
    /// When it is so short that it would match by chance.
    pub fn parse(text: &str) -> Result<Self, String> {
        let prefixed = text.split_once(':').filter(|(prefix, _)| PREFIXES.contains(prefix));
        let id = prefixed.map_or(text, |(_, id)| id.strip_prefix("//").unwrap_or(id));
        if id.len() < LEAST {
            return Err(format!(
                "`{text}` is too short: at least {LEAST} digits of a container's id or a pod's uid, or a unit's name"
            ));
        }
        Ok(Self(id.as_bytes().to_vec()))
    }

    /// The pattern as it is matched.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// True when the cgroup with this path belongs to a selected container, pod or unit. Allocates nothing.
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        let Some(container) = Container::of(path) else { return false };
        let same = |(a, b): (&u8, &u8)| a == b || (*a == b'-' && *b == b'_');
        let is_id = |wanted: &[u8]| container.id.is_some_and(|id| id.starts_with(wanted));
        let is_pod = |wanted: &[u8]| {
            container.pod.is_some_and(|pod| wanted.len() <= pod.len() && wanted.iter().zip(pod).all(same))
        };
        let wanted = &self.0[..];
        match wanted.iter().position(|&byte| byte == b'/') {
            Some(at) => is_pod(&wanted[..at]) && is_id(&wanted[at + 1..]),
            None => is_id(wanted) || is_pod(wanted) || container.unit == Some(wanted),
        }
    }
}
