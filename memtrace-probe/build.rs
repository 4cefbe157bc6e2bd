//! Builds the kernel side (`memtrace-ebpf`) with its own pinned toolchain and hands its object to the crate.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use aya_build::{Package, Toolchain, build_ebpf};
use object::{
    build::elf::{Builder, SectionData},
    elf::SHT_STRTAB,
};

const EBPF_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../memtrace-ebpf");
const COMMON_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../memtrace-common");
const LINKER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.tools/bin/bpf-linker");

fn main() -> Result<()> {
    println!("cargo:rerun-if-env-changed=AYA_BUILD_SKIP");
    if env::var_os("AYA_BUILD_SKIP").is_some_and(|skip| skip == "1" || skip.eq_ignore_ascii_case("true")) {
        return without_kernel_side();
    }
    println!("cargo:rerun-if-changed={COMMON_DIR}/src");
    println!("cargo:rerun-if-changed={LINKER}");
    if !Path::new(LINKER).exists() {
        bail!("no bpf-linker at .tools/bin: the kernel side cannot be linked. Run `cargo xtask setup` once.");
    }
    let channel = toolchain()?;
    build_ebpf(
        [Package { name: "memtrace-ebpf", root_dir: EBPF_DIR, ..Package::default() }],
        Toolchain::Custom(&channel),
    )
    .with_context(|| format!("building the kernel side with {channel} (missing? `cargo xtask setup` installs it)"))?;
    let object = object()?;
    strip(&object).with_context(|| format!("stripping {}", object.display()))
}

/// The object that the crate includes.
fn object() -> Result<PathBuf> {
    let out = env::var_os("OUT_DIR").context("OUT_DIR is not set: is this run by cargo?")?;
    Ok(Path::new(&out).join("memtrace-ebpf"))
}

/// Removes the DWARF, which is most of the object. The kernel reads only BTF, which has the line numbers too.
fn strip(object: &Path) -> Result<()> {
    let data = fs::read(object)?;
    let mut builder = Builder::read64(&*data)?;
    let is_dwarf = |name: &[u8]| [&b".debug_"[..], b".rel.debug_"].iter().any(|prefix| name.starts_with(prefix));
    builder.sections.iter_mut().for_each(|section| section.delete = is_dwarf(&section.name));
    builder.delete_orphans();
    // LLVM has all names in one table; the writer wants those of sections in a separate one.
    let names = builder.sections.add();
    names.name = ".shstrtab".into();
    names.sh_type = SHT_STRTAB;
    names.sh_addralign = 1;
    names.data = SectionData::SectionString;
    let mut stripped = Vec::new();
    builder.write(&mut stripped)?;
    Ok(fs::write(object, stripped)?)
}

/// Writes an empty object, so that everything can be checked on stable Rust alone. A program built with it reports at
/// its start that it has no kernel side.
fn without_kernel_side() -> Result<()> {
    let object = object()?;
    fs::write(&object, []).with_context(|| format!("writing {}", object.display()))?;
    println!(
        "cargo:warning=AYA_BUILD_SKIP is set: no kernel side is built, and the memtrace of this build cannot trace"
    );
    Ok(())
}

/// The channel that `memtrace-ebpf/rust-toolchain.toml` pins.
fn toolchain() -> Result<String> {
    let file = format!("{EBPF_DIR}/rust-toolchain.toml");
    let text = fs::read_to_string(&file).with_context(|| file.clone())?;
    let table: toml::Table = text.parse().with_context(|| file.clone())?;
    let channel = table.get("toolchain").and_then(|t| t.get("channel")).and_then(|c| c.as_str());
    Ok(channel.with_context(|| format!("{file} names no toolchain.channel"))?.to_owned())
}
