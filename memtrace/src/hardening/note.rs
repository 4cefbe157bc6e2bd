//! Something that memtrace may not do here, and goes on without.

use std::fmt;

/// To be said once, on stderr.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What could not be done, and why.
    pub what: String,
    /// What that means for the user.
    pub consequence: &'static str,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.consequence)
    }
}
