//! Results on stdout: a reader that went away is no failure, anything else is.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Write as _},
    os::fd::AsFd as _,
};

use anyhow::{Context as _, Result, bail};

/// Writes all of it; false when nobody reads any more.
///
/// # Errors
/// When stdout does not take it: a full disk, for example.
pub fn print(bytes: &[u8]) -> Result<bool> {
    is_read(io::stdout().write_all(bytes).and_then(|()| io::stdout().flush()), "writing to stdout")
}

/// Result of a write to stdout: false when nobody reads any more.
///
/// # Errors
/// Any other failure of the write, with `what` as the context. `Unsupported` is returned as it is: it explains itself.
pub fn is_read(written: io::Result<()>, what: &'static str) -> Result<bool> {
    match written {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(e) if e.kind() == io::ErrorKind::Unsupported => Err(e.into()),
        written => written.context(what).map(|()| true),
    }
}

/// Stdout as the file of a trace.
///
/// # Errors
/// When it is a terminal.
pub fn for_a_trace() -> Result<File> {
    let stdout = io::stdout();
    if stdout.is_terminal() {
        bail!("a trace is not for a terminal: write it to a pipe (-o - | ...) or to a file (-o FILE)");
    }
    Ok(File::from(stdout.as_fd().try_clone_to_owned().context("taking stdout")?))
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::is_read;

    #[test]
    fn only_a_reader_that_went_away_is_no_failure() {
        assert!(is_read(Ok(()), "writing").unwrap());
        assert!(!is_read(Err(ErrorKind::BrokenPipe.into()), "writing").unwrap());
        let error = is_read(Err(Error::from(ErrorKind::StorageFull)), "writing").unwrap_err();
        assert_eq!(format!("{error:#}"), "writing: no storage space");
        let error = is_read(Err(Error::new(ErrorKind::Unsupported, "no stacks")), "writing").unwrap_err();
        assert_eq!(format!("{error:#}"), "no stacks");
    }
}
