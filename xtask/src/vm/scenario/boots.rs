//! The guests of the scenarios. Each boot serves one scenario, or several that do not disturb each other.

use std::{iter, time::Duration};

use super::Check;
use super::evidence::Sections;
use super::{
    check, degraded, direct_anon, direct_file, global_oom, memcg_limit, memcg_oom, mglru, oom_group, refaults,
    two_nodes, waits,
};
use crate::vm::{
    binaries::libraries,
    options::{Cgroup, GuestFile, Setup, Size},
};

/// A guest, its script, and the judges of its output.
pub(crate) struct Boot {
    /// Name of the check of the boot itself, and of the kept output.
    pub(super) name: &'static str,
    /// Shape of the guest.
    pub(super) setup: fn() -> Setup,
    /// Script that runs in it, after the prelude.
    pub(super) script: &'static str,
    /// Scenarios and their judges.
    pub(super) judges: &'static [(&'static str, Judge)],
}

/// Turns the sections of a guest's output into checks.
pub(super) type Judge = fn(&Sections<'_>) -> Vec<Check>;

/// All scenarios, as `--scenario` takes them.
pub(crate) const NAMES: [&str; 12] = [
    "check",
    "degraded",
    "direct-file",
    "mglru",
    "direct-anon",
    "refaults",
    "two-nodes",
    "memcg-limit",
    "memcg-oom",
    "oom-group",
    "waits",
    "global-oom",
];

/// All boots, in their order.
pub(super) const BOOTS: [Boot; 8] = [
    Boot {
        name: "file",
        setup: || Setup { data: Some(Size::mebibytes(400)), ..small() },
        script: include_str!("file.sh"),
        judges: &[
            ("check", check::judge),
            ("direct-file", direct_file::judge),
            ("mglru", mglru::judge),
            ("refaults", refaults::file),
        ],
    },
    Boot {
        name: "degraded",
        setup: || Setup { data: Some(Size::mebibytes(400)), files: setpriv(), ..small() },
        script: include_str!("degraded.sh"),
        judges: &[("degraded", degraded::judge)],
    },
    Boot {
        name: "anon",
        setup: || Setup { zram: Some(Size::mebibytes(256)), ..small() },
        script: include_str!("anon.sh"),
        judges: &[("direct-anon", direct_anon::judge), ("refaults", refaults::anon)],
    },
    Boot {
        name: "nodes",
        setup: || Setup { memory: Size::mebibytes(384), nodes: 2, data: Some(Size::mebibytes(500)), ..small() },
        script: include_str!("nodes.sh"),
        judges: &[("two-nodes", two_nodes::judge)],
    },
    Boot {
        name: "memcg-v2",
        setup: roomy,
        script: include_str!("memcg.sh"),
        judges: &[
            ("memcg-limit", memcg_limit::judge),
            ("memcg-oom", memcg_oom::judge),
            ("oom-group", oom_group::judge),
            ("refaults", refaults::memcg),
        ],
    },
    Boot {
        name: "memcg-v1",
        setup: || Setup { cgroup: Cgroup::V1, ..roomy() },
        script: include_str!("memcg.sh"),
        judges: &[("memcg-limit", memcg_limit::judge), ("memcg-oom", memcg_oom::judge)],
    },
    Boot {
        name: "waits",
        setup: || Setup { zram: Some(Size::mebibytes(256)), data: Some(Size::mebibytes(200)), ..small() },
        script: include_str!("waits.sh"),
        judges: &[("waits", waits::judge)],
    },
    Boot {
        name: "global-oom",
        setup: || Setup { data: Some(Size::mebibytes(400)), ..small() },
        script: include_str!("global_oom.sh"),
        judges: &[("global-oom", global_oom::judge)],
    },
];

/// Longer than any of these guests takes on a busy machine; on a quiet one they end within two minutes. Only a guest
/// that hangs uses it up.
const PATIENCE: Duration = Duration::from_secs(1200);

/// A guest with so little memory that a file fills it in a second, and a second processor, so that kswapd does not
/// wait for the load.
fn small() -> Setup {
    Setup { memory: Size::mebibytes(256), cpus: 2, timeout: PATIENCE, ..Setup::default() }
}

/// A guest with enough memory that only a cgroup's limit is hit.
fn roomy() -> Setup {
    Setup { memory: Size::mebibytes(512), data: Some(Size::mebibytes(200)), ..small() }
}

/// The program that drops capabilities: busybox's setpriv has no bounding set. Empty if this machine has none.
fn setpriv() -> Vec<GuestFile> {
    let Ok(program) = which::which("setpriv") else { return Vec::new() };
    let libraries = libraries(&program);
    let libraries = libraries.iter().map(|library| GuestFile::at(library, library.display().to_string()));
    iter::once(GuestFile::at(&program, "/mnt/setpriv".to_owned())).chain(libraries).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_has_a_boot_and_every_boot_fails_on_nothing() {
        for name in NAMES {
            assert!(BOOTS.iter().any(|boot| boot.judges.iter().any(|(other, _)| *other == name)), "{name}");
        }
        for (name, judge) in BOOTS.iter().flat_map(|boot| boot.judges) {
            assert!(NAMES.contains(name), "{name}");
            let checks = judge(&Sections::parse(""));
            assert!(checks.iter().any(|check| check.result == super::super::CheckResult::Failed), "{name}: {checks:?}");
        }
    }
}
