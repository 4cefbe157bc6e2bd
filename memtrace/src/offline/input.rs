//! Which files are read, and in which order.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    trace::{Item, ReadError, Reader},
    untrusted::Untrusted,
};

/// How the name of a trace ends.
const SUFFIX: &str = "mtrc";
/// Items before the beginning of a segment is given up: damage may come before it.
const ITEMS_BEFORE_META: usize = 16;

/// Something to read.
#[derive(Debug)]
pub(super) struct Source {
    /// Its name, for a person.
    pub(super) shown: String,
    /// The file; `None` for stdin.
    pub(super) path: Option<PathBuf>,
    /// Which part of which recording it begins with; `None` when that is not known.
    pub(super) part: Option<Part>,
}

/// A part of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    pub(super) recording: u64,
    pub(super) run: u32,
    pub(super) segment: u32,
}

impl Source {
    /// Opens it.
    pub(super) fn open(&self) -> io::Result<Box<dyn Read>> {
        Ok(match &self.path {
            Some(path) => Box::new(File::open(path)?),
            None => Box::new(io::stdin().lock()),
        })
    }

    /// The last tick in it, `CLOCK_MONOTONIC` in ns; `None` when it cannot be read twice, or holds none.
    pub(super) fn last_tick_ns(&self) -> Option<u64> {
        let mut reader = Reader::new(File::open(self.path.as_ref()?).ok()?).without_entries();
        let mut last = None;
        while let Ok(Some(item)) = reader.next_item() {
            if let Item::Tick(tick) = item {
                last = Some(tick.input.t_ns);
            }
        }
        last
    }
}

/// All that is to be read: recordings in the order in which they were named, each from its first segment on.
///
/// # Errors
/// When there is nothing to read, with what to do about it.
pub(super) fn sources(inputs: &[PathBuf]) -> Result<Vec<Source>> {
    let mut found = Vec::new();
    if inputs.is_empty() {
        found.push(file(newest()?));
    }
    for input in inputs {
        if input == Path::new("-") {
            found.push(Source { shown: "stdin".to_owned(), path: None, part: None });
        } else if fs::metadata(input).is_ok_and(|metadata| metadata.is_dir()) {
            let files = traces_in(input)?;
            if files.is_empty() {
                bail!("no trace (*.{SUFFIX}) in {}; `sudo memtrace record` makes one", shown(input));
            }
            found.extend(files.into_iter().map(file));
        } else {
            found.push(file(input.clone()));
        }
    }
    let mut order: Vec<Option<(u64, u32)>> = Vec::new();
    let mut place = |part: Option<Part>| {
        let key = part.map(|part| (part.recording, part.run));
        if let (Some(_), Some(at)) = (key, order.iter().position(|known| *known == key)) {
            return at;
        }
        order.push(key);
        order.len() - 1
    };
    let mut placed: Vec<_> = found.into_iter().map(|source| (place(source.part), source)).collect();
    placed.sort_by_key(|(at, source)| (*at, source.part.map(|part| part.segment)));
    Ok(placed.into_iter().map(|(_, source)| source).collect())
}

/// A file, looked into for what it begins with. What cannot be opened says so when it is read.
fn file(path: PathBuf) -> Source {
    let part = File::open(&path).ok().and_then(|file| {
        // A pipe can be read only once.
        file.metadata().ok().filter(fs::Metadata::is_file)?;
        let mut reader = Reader::new(file).without_entries();
        for _ in 0..ITEMS_BEFORE_META {
            match reader.next_item() {
                Ok(Some(Item::Meta(meta))) => {
                    return Some(Part { recording: meta.recording, run: meta.run, segment: meta.segment });
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return None,
            }
        }
        None
    });
    Source { shown: shown(&path), path: Some(path), part }
}

/// A path, for a person.
pub(super) fn shown(path: &Path) -> String {
    Untrusted(path.as_os_str().as_encoded_bytes()).tty().to_string()
}

fn traces_in(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| format!("listing {}", shown(dir)))?;
    let mut files: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == SUFFIX) && path.is_file())
        .collect();
    files.sort();
    Ok(files)
}

fn newest() -> Result<PathBuf> {
    let age = |path: &PathBuf| fs::metadata(path).and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let newest = traces_in(Path::new("."))?.into_iter().max_by_key(age);
    newest.with_context(|| {
        format!("no trace (*.{SUFFIX}) in this directory; `sudo memtrace record` makes one, `memtrace report FILE` reads another")
    })
}

/// What an input that cannot be read means, and what to do.
pub(super) fn in_words(source: &Source, error: &ReadError) -> String {
    let name = &source.shown;
    match error {
        ReadError::Io(e) => format!("{name}: {e}; what came before it was read"),
        ReadError::NotATrace(why) => {
            format!("{name} is no trace: {why}. `sudo memtrace record -o FILE` makes one")
        }
        ReadError::Newer { .. } => format!("{name}: {error}. Read it with that one, or record again with this one"),
    }
}
