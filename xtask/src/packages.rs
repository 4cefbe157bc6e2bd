//! The packages of the workspace, in two parts.
//!
//! Cargo builds a dependency once for each set of features that a selection of packages requests. CI selects the two
//! parts one after the other, and both must request the same features. So xtask is selected with either part, and its
//! build.rs requests the features that aya-build and ratatui request.

use std::process::Command;

/// Packages that only compute. They check and are tested on stable Rust, with no kernel side and no root.
pub(crate) const PURE: &[&str] = &["memtrace-core", "memtrace-trace", "memtrace-report"];

/// All other default members of the workspace.
pub(crate) const REST: &[&str] = &["memtrace-cli", "memtrace-common", "memtrace-probe", "tests", "xtask"];

/// Selects these packages for a cargo command. An empty list stands for all packages.
pub(crate) fn select(cargo: &mut Command, packages: &[&str]) {
    for package in packages {
        cargo.args(["--package", package]);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cargo_metadata::MetadataCommand;

    use super::{PURE, REST};
    use crate::workspace;

    #[test]
    fn both_parts_are_the_default_members() {
        let metadata = MetadataCommand::new().current_dir(workspace::root()).no_deps().exec().unwrap();
        let members: BTreeSet<&str> = metadata.workspace_default_packages().iter().map(|p| p.name.as_str()).collect();
        assert_eq!(PURE.iter().chain(REST).copied().collect::<BTreeSet<_>>(), members);
    }
}
