//! `memtrace salvage`: what is intact of a damaged trace, in a new file.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
};

use anyhow::{Context as _, Result, anyhow};

use super::{
    EXIT_DAMAGED, EXIT_FAILURE, graver,
    input::{open_once, shown},
};
use crate::{
    cli::SalvageArgs,
    lines::{bytes, duration, things},
    record::create::{Unnamed, create},
    trace::{ReadError, Scanned, Scanner},
};

/// What was copied and what was left.
#[derive(Debug, Default)]
struct Account {
    blocks: u64,
    bytes: u64,
    dropped: u64,
    /// Each gap: the last time before it and the first one after it, `CLOCK_MONOTONIC` in ns.
    gaps: Vec<(Option<u64>, Option<u64>)>,
}

/// Copies the intact blocks of a trace as they are; the result is the exit status.
///
/// # Errors
/// When the input cannot be opened, or the new file cannot be made or written.
pub fn salvage(args: &SalvageArgs) -> Result<u8> {
    let target = args.target().context("the new file is missing: memtrace salvage IN -o OUT")?;
    let (from, input) = match open_once(&args.input)? {
        Ok(opened) => opened,
        Err((why, status)) => {
            eprintln!("memtrace: {why}");
            return Ok(status);
        }
    };
    let mut scanner = Scanner::new(input);
    let (mut account, mut status) = (Account::default(), 0);
    let mut out = None;
    let mut last_ns = None;
    loop {
        match scanner.next_block() {
            Ok(None) => break,
            Ok(Some(Scanned::Block(block))) => {
                let (out, _) = match &mut out {
                    Some(out) => out,
                    // Not before there is something to put into it.
                    None => out.insert(new_file(target, args.force)?),
                };
                out.write_all(scanner.block()).with_context(|| format!("writing {}", shown(target)))?;
                account.blocks += 1;
                account.bytes += scanner.block().len() as u64;
                let (first, last) = block.times();
                if let Some((_, until)) = account.gaps.last_mut().filter(|_| first > 0) {
                    until.get_or_insert(first);
                }
                last_ns = Some(last).filter(|&ns| ns > 0).or(last_ns);
            }
            Ok(Some(Scanned::Damage(damage))) => {
                account.dropped += damage.bytes;
                account.gaps.push((last_ns, None));
            }
            Err(e) => {
                eprintln!("memtrace: {from}: {e}");
                status = if matches!(e, ReadError::Io(_)) { EXIT_FAILURE } else { EXIT_DAMAGED };
                break;
            }
        }
    }
    let Some((mut out, unnamed)) = out else {
        eprintln!("memtrace: nothing in {from} could be saved; no file was made");
        return Ok(graver(status, EXIT_DAMAGED));
    };
    let written = out.flush().and_then(|()| out.get_ref().sync_all());
    written.with_context(|| format!("writing {}", shown(target)))?;
    unnamed.name().map_err(|e| anyhow!(e))?;
    tell(&account, &from, target);
    Ok(if status == EXIT_FAILURE { status } else { 0 })
}

/// The new file, which gets its name when all is in it.
fn new_file(target: &Path, force: bool) -> Result<(BufWriter<File>, Unnamed)> {
    let created = create(target, force).map_err(|e| anyhow!(e))?;
    if let Some(warning) = created.warning {
        eprintln!("memtrace: {warning}");
    }
    Ok((BufWriter::new(created.file), created.unnamed))
}

fn tell(account: &Account, from: &str, target: &Path) {
    let Account { blocks, bytes: saved, dropped, gaps } = account;
    eprintln!("memtrace: saved {} ({}) of {from} to {}", things(*blocks, "block"), bytes(*saved), shown(target));
    if *dropped == 0 {
        eprintln!("memtrace: nothing was damaged");
        return;
    }
    eprintln!("memtrace: dropped {} in {}:", bytes(*dropped), things(gaps.len() as u64, "place"));
    for (from_ns, until_ns) in gaps.iter().take(10) {
        let span = match (from_ns, until_ns) {
            (Some(from), Some(until)) => format!("{} somewhere in the middle", duration(until.saturating_sub(*from))),
            (None, _) => "the beginning".to_owned(),
            (Some(_), None) => "the end".to_owned(),
        };
        eprintln!("memtrace:   {span}");
    }
}
