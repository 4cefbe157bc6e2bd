//! Choosing containers on the command line.

use super::Container;

/// Fewest digits of an id that choose a container.
const LEAST: usize = 4;

/// Selects by the beginning of a container's id, by a pod's uid (or its beginning), or by the name of a unit, a machine or
/// an LXC container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerPattern(Vec<u8>);

impl ContainerPattern {
    /// The pattern of the command line; a runtime in front (`docker://ID`, `docker:ID`, as tools print it) is ignored.
    ///
    /// # Errors
    /// When it is so short that it would fit by chance.
    pub fn parse(text: &str) -> Result<Self, String> {
        let id = text.rsplit_once("://").or_else(|| text.split_once(':')).map_or(text, |(_, id)| id);
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

    /// Whether the cgroup with this path belongs to it. Allocates nothing.
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        let Some(container) = Container::of(path) else { return false };
        let wanted = &self.0[..];
        let same = |(a, b): (&u8, &u8)| a == b || (*a == b'-' && *b == b'_');
        container.id.is_some_and(|id| id.starts_with(wanted))
            || container.pod.is_some_and(|pod| wanted.len() <= pod.len() && wanted.iter().zip(pod).all(same))
            || container.unit == Some(wanted)
    }
}
