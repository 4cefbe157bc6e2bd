//! `cargo xtask vm --docs`: docs/kernels.md, from the output of `memtrace check --json` on each kernel.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::binaries::Binaries;
use super::deb;
use super::guest;
use super::host::Host;
use super::options::{Args, Setup};
use crate::{as_root, workspace};

mod page;

/// Run `memtrace check` on every kernel, and on this machine's own if memtrace can trace here, and write the page.
pub(super) fn write(args: &Args, host: &Host) -> Result<()> {
    guest::preflight(host)?;
    let mut programs = None;
    let binaries = super::programs(args, &mut programs)?;
    let mut columns = Vec::new();
    for kernel in args.kernels() {
        let bench = super::bench(args, host, kernel, deb::obtain(host, kernel)?, binaries);
        let text = match bench.run_script("check", Setup::default(), "memtrace check --json")? {
            Ok((_, text)) => text,
            Err(failed) => bail!("{}", failed.line(kernel.name, "check")),
        };
        columns.push(column(kernel.name.to_owned(), &text)?);
    }
    match own(binaries) {
        Ok(own) if columns.iter().any(|column| column.title == own.title) => {}
        Ok(own) => columns.push(own),
        Err(why) => eprintln!("xtask vm: this machine's own kernel is left out: {why:#}"),
    }
    let file = workspace::root().join("docs/kernels.md");
    std::fs::write(&file, page::render(&columns)?).with_context(|| format!("writing {}", file.display()))?;
    eprintln!("xtask vm: wrote {}", file.display());
    Ok(())
}

fn column(title: String, text: &str) -> Result<page::Column> {
    let check: Value = serde_json::from_str(text.trim()).with_context(|| format!("`memtrace check` said {text:?}"))?;
    Ok(page::Column { title, check })
}

/// Column of the running kernel.
fn own(binaries: &Binaries) -> Result<page::Column> {
    let done = run_as_root(&binaries.memtrace)?;
    let mut column = column(String::new(), &done)?;
    if column.check["can_trace"] != true {
        bail!("memtrace cannot trace here; `memtrace check` says why");
    }
    // A builder's suffix of the version means nothing to others.
    let release = column.check["facts"]["kernel"].as_str().unwrap_or("?");
    let version = release.split('-').next().unwrap_or(release).to_owned();
    column.title = version.split('.').take(2).collect::<Vec<_>>().join(".");
    column.check["facts"]["kernel"] = version.into();
    Ok(column)
}

fn run_as_root(memtrace: &Path) -> Result<String> {
    let mut command = as_root::command(memtrace, &["check", "--json"], &[])?;
    let done = command.output().with_context(|| format!("starting {}", workspace::line(&command)))?;
    Ok(String::from_utf8(done.stdout)?)
}
