//! Text of a document.

use std::fmt::{self, Write as _};

use memtrace_core::untrusted::{Text, Untrusted};

/// Text without control characters: what is not printable becomes a visible escape when the words are made, wherever
/// they come from. Markup is left to the renderers, which escape their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(String);

impl Words {
    /// The text; markup is not escaped.
    pub(crate) fn plain(&self) -> &str {
        &self.0
    }

    /// True without text.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Words {
    fn from(text: &str) -> Self {
        let mut words = Self(String::with_capacity(text.len()));
        for piece in text.split_inclusive('\\') {
            // A backslash is doubled where an escape could be forged by it, which only outside text needs.
            let (body, tail) = piece.strip_suffix('\\').map_or((piece, ""), |body| (body, "\\"));
            // Writing to a String cannot fail.
            let _ = write!(words.0, "{}{tail}", Untrusted(body.as_bytes()).tty());
        }
        words
    }
}

impl From<String> for Words {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<&Text> for Words {
    fn from(text: &Text) -> Self {
        Self(text.tty().to_string())
    }
}

impl From<Untrusted<'_>> for Words {
    fn from(text: Untrusted<'_>) -> Self {
        Self(text.tty().to_string())
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
