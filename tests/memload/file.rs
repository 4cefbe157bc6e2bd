//! Page cache: a file larger than the cgroup's limit, read again and again.

use std::{
    fs::{File, OpenOptions},
    hint::black_box,
    io::Write as _,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use memmap2::Mmap;
use rustix::{
    fs::{Advice, fadvise},
    param::page_size,
};

use crate::until::Until;

const MB: usize = 1 << 20;
const CHUNK: usize = 256 << 10;

/// Writes `mb` MB to a new file and drops them from the cache, so that its first reader is charged.
pub(crate) fn make(path: &Path, mb: usize) -> Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("making {}", path.display()))?;
    let block = vec![0x5a_u8; MB];
    for _ in 0..mb {
        file.write_all(&block).with_context(|| format!("writing {}", path.display()))?;
    }
    file.sync_all().with_context(|| format!("writing {} to its disk", path.display()))?;
    fadvise(&file, 0, None, Advice::DontNeed).context("dropping it from the page cache")?;
    Ok(())
}

/// Reads the first `mb` MB of `path` with read(2).
pub(crate) fn read(path: &Path, mb: usize, until: Until) -> Result<()> {
    let file = open(path, mb)?;
    let mut buffer = vec![0_u8; CHUNK];
    let (start, mut passes) = (Instant::now(), 0_u64);
    while !until.reached(start, passes) {
        for chunk in 0..mb * (MB / CHUNK) {
            file.read_exact_at(&mut buffer, (chunk * CHUNK) as u64)
                .with_context(|| format!("reading {}", path.display()))?;
        }
        passes += 1;
    }
    report("file", mb, passes, start);
    Ok(())
}

/// Touches each page of the first `mb` MB of `path` through a mapping.
pub(crate) fn map(path: &Path, mb: usize, until: Until) -> Result<()> {
    let file = open(path, mb)?;
    // SAFETY: a truncation of the file meanwhile kills this load by SIGBUS, which harms nobody. The bytes are only
    // added up, so it does not matter if they change.
    let memory = unsafe { Mmap::map(&file) }.with_context(|| format!("mapping {}", path.display()))?;
    let (start, mut passes, mut sum) = (Instant::now(), 0_u64, 0_u64);
    while !until.reached(start, passes) {
        for page in memory[..mb * MB].chunks(page_size()) {
            sum = sum.wrapping_add(u64::from(black_box(page[0])));
        }
        passes += 1;
    }
    black_box(sum);
    report("mmapfile", mb, passes, start);
    Ok(())
}

pub(crate) fn open(path: &Path, mb: usize) -> Result<File> {
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let len = file.metadata().with_context(|| format!("the size of {}", path.display()))?.len();
    if len < (mb * MB) as u64 {
        bail!(
            "{} has {len} bytes, less than {mb} MB; make it with `memload mkfile {} {mb}`",
            path.display(),
            path.display()
        );
    }
    Ok(file)
}

fn report(name: &str, mb: usize, passes: u64, start: Instant) {
    println!("{name}: read {mb} MB {passes} times in {:.2} s", start.elapsed().as_secs_f64());
}
