//! A protection that is not permitted here, and that memtrace goes without.

use std::fmt;

/// A note that is printed once, on stderr.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Step that failed, and the reason.
    pub what: String,
    /// Consequence for the user.
    pub consequence: &'static str,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.consequence)
    }
}
