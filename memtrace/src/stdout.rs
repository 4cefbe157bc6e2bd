//! Results on stdout: a reader that went away is no failure, anything else is.

use std::io::{self, Write as _};

use anyhow::{Context as _, Result};

/// Writes all of it; false when nobody reads any more.
///
/// # Errors
/// When stdout does not take it: a full disk, for example.
pub fn print(bytes: &[u8]) -> Result<bool> {
    is_read(io::stdout().write_all(bytes).and_then(|()| io::stdout().flush()), "writing to stdout")
}

/// What a write to stdout came to: false when nobody reads any more.
///
/// # Errors
/// Any other failure of the write, with `what` was being done.
pub fn is_read(written: io::Result<()>, what: &'static str) -> Result<bool> {
    match written {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        written => written.context(what).map(|()| true),
    }
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
    }
}
