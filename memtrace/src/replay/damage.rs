//! What of a trace could not be read, in all.

use super::note::Note;

/// All damage so far.
#[derive(Debug)]
pub(super) struct Damaged {
    parts: u64,
    bytes: u64,
    what: String,
    from_ns: Option<u64>,
    to_ns: Option<u64>,
}

impl Damaged {
    /// Nothing yet; `what` is wrong with the first part, which comes after the tick at `last_ns`.
    pub(super) fn new(what: &str, last_ns: Option<u64>) -> Self {
        Self { parts: 0, bytes: 0, what: what.to_owned(), from_ns: last_ns, to_ns: None }
    }

    /// One more part.
    pub(super) fn add(&mut self, bytes: u64) {
        self.parts += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        self.to_ns = None;
    }

    /// A tick that could be read.
    pub(super) fn tick(&mut self, t_ns: u64) {
        self.to_ns.get_or_insert(t_ns);
    }

    /// What is to be told of it.
    pub(super) fn note(self) -> Note {
        let Self { parts, bytes, what, from_ns, to_ns } = self;
        Note::Damaged { parts, bytes, what, between_ns: (from_ns, to_ns) }
    }
}
