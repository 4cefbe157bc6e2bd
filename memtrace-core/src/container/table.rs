//! Table of the components of a cgroup path that are containers, by the naming of each runtime.

/// Shape of an id.
#[derive(Clone, Copy, Debug)]
pub(super) enum Id {
    /// 64 hexadecimal digits.
    Hex,
    /// A name that a person chose.
    Name,
}

/// One shape of a component: `before` ID `after`.
#[derive(Clone, Copy, Debug)]
pub(super) struct IdPattern {
    before: &'static [u8],
    after: &'static [u8],
    id: Id,
    pub(super) runtime: &'static str,
}

const fn hex(before: &'static str, after: &'static str, runtime: &'static str) -> IdPattern {
    IdPattern { before: before.as_bytes(), after: after.as_bytes(), id: Id::Hex, runtime }
}

const fn name(before: &'static str, after: &'static str, runtime: &'static str) -> IdPattern {
    IdPattern { before: before.as_bytes(), after: after.as_bytes(), id: Id::Name, runtime }
}

/// Shapes that identify their runtime. Monitors (`crio-conmon-`, `libpod-conmon-`, `lxc.monitor.`) match none: the text
/// after the name of the runtime is not an id.
pub(super) const ID_PATTERNS: [IdPattern; 12] = [
    hex("docker-", ".scope", "docker"),
    hex("cri-containerd-", ".scope", "containerd"),
    hex("nerdctl-", ".scope", "containerd"),
    hex("crio-", ".scope", "cri-o"),
    hex("crio-", "", "cri-o"),
    hex("libpod-", ".scope", "podman"),
    hex("libpod-", "", "podman"),
    name("lxc.payload.", "", "lxc"),
    name("machine-qemu", ".scope", "libvirt"),
    name("machine-lxc", ".scope", "lxc"),
    name("machine-", ".scope", "nspawn"),
    name("systemd-nspawn@", ".service", "nspawn"),
];

/// Parent components that identify the runtime of a bare id: the namespaces of containerd, and docker's own.
pub(super) const PARENTS: [(&[u8], &str); 4] =
    [(b"docker", "docker"), (b"default", "containerd"), (b"k8s.io", "containerd"), (b"moby", "containerd")];

/// The middle of `SLICE:PREFIX:ID`, which a runtime leaves when it was configured to use systemd and did not.
pub(super) const PREFIXES: [(&[u8], &str); 4] =
    [(b"docker", "docker"), (b"cri-containerd", "containerd"), (b"crio", "cri-o"), (b"libpod", "podman")];

impl IdPattern {
    /// The id in a component of this shape; `None` for a component of another shape.
    pub(super) fn id_in<'a>(&self, component: &'a [u8]) -> Option<&'a [u8]> {
        let id = component.strip_prefix(self.before)?.strip_suffix(self.after)?;
        let fits = match self.id {
            Id::Hex => is_id(id),
            Id::Name => !id.is_empty(),
        };
        fits.then_some(id)
    }
}

/// 64 hexadecimal digits.
pub(super) fn is_id(text: &[u8]) -> bool {
    text.len() == 64 && text.iter().all(u8::is_ascii_hexdigit)
}

/// A uid of Kubernetes: a UUID, with underscores in the name of a slice; 32 digits for a pod from a file.
pub(super) fn is_pod(text: &[u8]) -> bool {
    let uuid = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => matches!(byte, b'-' | b'_'),
        _ => byte.is_ascii_hexdigit(),
    };
    match text.len() {
        36 => text.iter().enumerate().all(uuid),
        32 => text.iter().all(u8::is_ascii_hexdigit),
        _ => false,
    }
}
