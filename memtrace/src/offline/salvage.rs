//! `memtrace salvage`: the part of a damaged trace that can be read, in a new file.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use anyhow::{Context as _, Result, anyhow, bail};

use super::{input::open_once, left_out::LeftOut};
use crate::{
    cli::SalvageArgs,
    exit::{self, WrongUsage},
    host::clocks::zone,
    record::create::{PendingFile, create},
    stdout,
};
use memtrace_core::untrusted::shown_path;
use memtrace_report::text::{bytes, things};
use memtrace_trace::{Judged, ReadError, Reader, TraceItem};

/// Copies the blocks that a reader uses, as they are; the result is the exit status.
///
/// # Errors
/// When the input cannot be opened, or the new file cannot be made or written.
pub fn salvage(args: &SalvageArgs) -> Result<u8> {
    let target = args.target().context("the new file is missing: memtrace salvage IN -o OUT")?;
    let (from, input) = match open_once(&args.input)? {
        Ok(opened) => opened,
        Err((why, status)) => {
            say!("{why}");
            return Ok(status);
        }
    };
    if is_same(&input, target) {
        let (from, to) = (&from, shown_path(target));
        bail!(WrongUsage(format!(
            "the new file {to} is the input {from}: choose another name, since salvage leaves its input as it is"
        )));
    }
    // Same rule as in `report`: the blocks that it uses are kept, and nothing else.
    let mut reader = Reader::new(input);
    let (mut blocks, mut size, mut status) = (0, 0, 0);
    let (mut out, mut reading) = (None, None);
    let mut left = LeftOut::default();
    loop {
        match reader.next_judged() {
            Ok(None) => break,
            Ok(Some(Judged::Used(block, item))) => {
                let (out, _) = match &mut out {
                    Some(out) => out,
                    // The file is created only once there is a block for it.
                    None => out.insert(new_file(target, args.force)?),
                };
                let written = out.write_all(reader.blocks().block());
                if !stdout::is_read(written, "writing the intact part")? {
                    return Ok(status);
                }
                blocks += 1;
                size += reader.blocks().block().len() as u64;
                left.kept(&block);
                if let Some(TraceItem::Meta(meta)) = item {
                    reading.get_or_insert(meta.clock);
                }
            }
            Ok(Some(Judged::Damaged(damage))) => left.add(&damage),
            Err(e) => {
                say!("{from}: {e}");
                status = if matches!(e, ReadError::Io(_)) { exit::FAILURE } else { exit::DAMAGED };
                break;
            }
        }
    }
    let Some((mut out, unnamed)) = out else {
        say!("no block of {from} is whole, so there is nothing to save; no file was made");
        return Ok(exit::worse(status, exit::DAMAGED));
    };
    let written = out.flush().and_then(|()| unnamed.as_ref().map_or(Ok(()), |_| out.get_ref().sync_all()));
    if !stdout::is_read(written, "writing the intact part")? {
        return Ok(status);
    }
    let to = if let Some(unnamed) = unnamed {
        unnamed.name().map_err(|e| anyhow!(e))?;
        shown_path(target)
    } else {
        "stdout".to_owned()
    };
    say!("saved {} ({}) of {from} to {to}", things(blocks, "block"), bytes(size));
    // Only damage has times, and an invalid TZ matters to them alone.
    let clock = reading.filter(|_| left.is_damaged()).map(|reading| reading.clock(zone(false)));
    left.lines(clock.as_ref()).iter().for_each(|line| say!("{line}"));
    Ok(exit::worse(status, if left.is_damaged() { exit::DAMAGED } else { 0 }))
}

/// True when the path names the file that is open.
fn is_same(open: &File, path: &Path) -> bool {
    let place = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (open.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => place(open) == place(named),
        // A path that does not exist yet is not the open file.
        _ => false,
    }
}

/// Creates the new file, which gets its name once it is complete; `-` is stdout, which has no name.
fn new_file(target: &Path, force: bool) -> Result<(BufWriter<File>, Option<PendingFile>)> {
    if target == Path::new("-") {
        return Ok((BufWriter::new(stdout::for_a_trace()?), None));
    }
    let created = create(target, force).map_err(|e| anyhow!(e))?;
    if let Some(warning) = created.warning {
        say!("{warning}");
    }
    Ok((BufWriter::new(created.file), Some(created.unnamed)))
}
