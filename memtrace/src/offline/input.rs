//! Files, directories and pipes of a command line, as inputs that can be read more than once.

use std::{
    collections::HashSet,
    fs::{self, File, Metadata},
    io::{self, IsTerminal as _, Read, Seek as _},
    os::{
        fd::AsFd as _,
        unix::fs::{FileTypeExt as _, MetadataExt as _},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use anyhow::{Context as _, Result, bail};

use super::{
    input_file::InputFile,
    recordings::Recording,
    spool::Spool,
    stream::{self, Peeked},
};
use crate::exit::{self, WrongUsage};
use memtrace_core::untrusted::shown_path;
use memtrace_trace::{
    ReadError,
    index::{Index, Piece},
};

/// File name extension of a trace.
const SUFFIX: &str = "mtrc";

/// Refuses inputs that name stdin twice, before any of them is read.
///
/// # Errors
/// Wrong usage.
pub(super) fn stdin_once<'a>(named: impl IntoIterator<Item = &'a PathBuf>) -> Result<()> {
    if named.into_iter().filter(|path| *path == Path::new("-")).count() > 1 {
        bail!(WrongUsage("stdin is named twice, and can be read only once".to_owned()));
    }
    Ok(())
}

/// All inputs of a command, or of one side of it.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    pub(super) files: Vec<InputFile>,
    /// Recordings in the inputs, in the order in which the inputs were named.
    pub(super) recordings: Vec<Recording>,
    /// Exit status for inputs that could not be read. The reason was reported.
    pub(super) status: u8,
}

/// Source of the recordings of a command.
#[derive(Debug)]
pub(super) enum Feed {
    /// Inputs that can be read again.
    Inputs(Arc<Inputs>),
    /// A pipe, with its name.
    Stream(InputFile, Peeked),
}

/// An input and its content, or the reason why there is none, with the exit status.
type Found = Result<(InputFile, Index), (String, u8)>;

/// Opens inputs, each pipe once.
#[derive(Debug, Default)]
pub(super) struct Opener {
    /// Device and inode of the pipes that were read.
    pipes: HashSet<(u64, u64)>,
}

impl Opener {
    /// Opens files, directories and pipes, and finds the recordings in them.
    ///
    /// # Errors
    /// When there is nothing to read; the text has the remedy.
    pub(super) fn open(&mut self, named: &[PathBuf]) -> Result<Arc<Inputs>> {
        stdin_once(named)?;
        let mut files = Vec::new();
        if named.is_empty() {
            files.push(newest()?);
        }
        for path in named {
            if path != Path::new("-") && path.is_dir() {
                let found = traces_in(path)?;
                if found.is_empty() {
                    bail!("no trace (*.{SUFFIX}) in {}; `sudo memtrace record` makes one", shown_path(path));
                }
                files.extend(found);
            } else {
                files.push(path.clone());
            }
        }
        let read: Vec<_> = files.iter().map(|path| self.input(path)).collect::<Result<_>>()?;
        Ok(together(read))
    }

    /// Like [`Self::open`], except for a single pipe that begins with a recording: it is left to be read as it comes.
    ///
    /// # Errors
    /// When there is nothing to read; the text has the remedy.
    pub(super) fn open_or_stream(&mut self, named: &[PathBuf]) -> Result<Feed> {
        if let [path] = named
            && (path == Path::new("-") || fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo()))
        {
            let name = name(path);
            if let Ok(Opened::Pipe(pipe)) = self.file(path, &name)? {
                let (pipe, begins) = stream::peek(pipe);
                return Ok(if begins {
                    Feed::Stream(InputFile::pipe(name), pipe)
                } else {
                    Feed::Inputs(together([spooled(name, pipe)]))
                });
            }
        }
        self.open(named).map(Feed::Inputs)
    }

    /// Reads an input: the input and its content, or the reason why there is none, with the exit status.
    fn input(&mut self, path: &Path) -> Result<Found> {
        let name = name(path);
        let opened = match self.file(path, &name)? {
            Ok(opened) => opened,
            Err(refused) => return Ok(Err(refused)),
        };
        Ok(match opened {
            Opened::Path(file) => Ok((InputFile::path(name, path.to_owned()), Index::of(file))),
            Opened::Here(mut file) => {
                let from = file.stream_position().unwrap_or(0);
                let index = Index::of(&file);
                Ok((InputFile::open(name, Arc::new(file), from), index))
            }
            Opened::Pipe(pipe) => spooled(name, pipe),
        })
    }

    /// Opens a file by its type, or returns the reason why it is not read, with the exit status.
    fn file(&mut self, path: &Path, name: &str) -> Result<Result<Opened, (String, u8)>> {
        let is_stdin = path == Path::new("-");
        let file = if is_stdin {
            if io::stdin().is_terminal() {
                bail!(WrongUsage("stdin is a terminal: `-` reads a trace from a pipe or a redirected file".to_owned()));
            }
            io::stdin().as_fd().try_clone_to_owned().map(File::from)
        } else {
            // A socket cannot be opened, and a device need not be.
            match fs::metadata(path) {
                Ok(metadata) => {
                    if let Some(what) = refusal(&metadata) {
                        return Ok(Err((format!("{name} is {what}, not a trace"), exit::DAMAGED)));
                    }
                    // Check before the open: a FIFO without a writer blocks in `open`.
                    self.is_unread(name, &metadata)?;
                    File::open(path)
                }
                Err(e) => Err(e),
            }
        };
        let file = match file {
            Ok(file) => file,
            Err(e) => return Ok(Err((format!("{name} cannot be opened: {e}"), exit::FAILURE))),
        };
        let metadata = file.metadata().with_context(|| format!("looking at {name}"))?;
        if metadata.is_file() {
            return Ok(Ok(if is_stdin { Opened::Here(file) } else { Opened::Path(file) }));
        }
        if file.is_terminal() {
            bail!(WrongUsage(format!("{name} is a terminal, not a trace")));
        }
        self.is_unread(name, &metadata)?;
        self.pipes.insert((metadata.dev(), metadata.ino()));
        Ok(Ok(Opened::Pipe(file)))
    }

    /// Refuses a pipe that was read before.
    fn is_unread(&self, name: &str, metadata: &Metadata) -> Result<()> {
        if self.pipes.contains(&(metadata.dev(), metadata.ino())) {
            bail!(WrongUsage(format!(
                "{name} is named twice, and a pipe can be read only once: save it to a file first"
            )));
        }
        Ok(())
    }
}

/// Finds the recordings in the inputs, and reports inputs that could not be read.
fn together(read: impl IntoIterator<Item = Found>) -> Arc<Inputs> {
    let mut inputs = Inputs::default();
    let mut pieces = Vec::new();
    for found in read {
        match found {
            Ok((file, index)) => {
                inputs.status = exit::worse(inputs.status, said(&file, &index));
                let number = inputs.files.len();
                pieces.extend(index.pieces.into_iter().map(|piece| (number, piece)));
                inputs.files.push(file);
            }
            Err((why, status)) => {
                say!("{why}");
                inputs.status = exit::worse(inputs.status, status);
            }
        }
    }
    inputs.recordings = Recording::of(pieces, |number: usize, piece: &Piece| {
        inputs.files[number].stretch(piece.begin, piece.end).map_err(ReadError::from)
    });
    Arc::new(inputs)
}

/// Reads a pipe to its end, into a temporary file.
fn spooled(name: String, pipe: impl Read) -> Found {
    let spooled = Spool::new(pipe).and_then(|mut spool| {
        let index = Index::of(&mut spool);
        Ok((spool.into_file()?, index))
    });
    match spooled {
        Ok((file, index)) => Ok((InputFile::open(name, Arc::new(file), 0), index)),
        Err(why) => Err((format!("{name}: {why}"), exit::FAILURE)),
    }
}

/// Opens a file or pipe that is read once, from beginning to end. Returns its name for a person and the file, or the
/// reason why it is not read, with the exit status.
///
/// # Errors
/// When it is a terminal.
pub(super) fn open_once(path: &Path) -> Result<Result<(String, File), (String, u8)>> {
    let name = name(path);
    Ok(match Opener::default().file(path, &name)? {
        Ok(Opened::Path(file) | Opened::Here(file) | Opened::Pipe(file)) => Ok((name, file)),
        Err(refused) => Err(refused),
    })
}

/// The name of an input for a person.
fn name(path: &Path) -> String {
    if path == Path::new("-") { "stdin".to_owned() } else { shown_path(path) }
}

/// An open input.
#[derive(Debug)]
enum Opened {
    /// A regular file that has a name.
    Path(File),
    /// A regular file on stdin.
    Here(File),
    /// A pipe, or another file that can be read only once.
    Pipe(File),
}

/// Type of a file that is never read, in words; `None` for other files.
fn refusal(metadata: &Metadata) -> Option<&'static str> {
    let file_type = metadata.file_type();
    [
        (file_type.is_dir(), "a directory"),
        (file_type.is_block_device(), "a block device"),
        (file_type.is_socket(), "a socket"),
    ]
    .into_iter()
    .find_map(|(is_it, what)| is_it.then_some(what))
}

/// Reports why an input was not read, in whole or in part; the result is the exit status.
fn said(file: &InputFile, index: &Index) -> u8 {
    match &index.failed {
        Some(error) => {
            say!("{}", file.describe(error));
            if matches!(error, ReadError::Io(_)) { exit::FAILURE } else { exit::DAMAGED }
        }
        None if index.pieces.is_empty() => {
            say!("{} has no whole block: it ends inside its first one, or is damaged from end to end", file.shown);
            exit::DAMAGED
        }
        None => 0,
    }
}

fn traces_in(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| format!("listing {}", shown_path(dir)))?;
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
