//! All parts of a trace that could not be read.

use super::note::Note;
use memtrace_trace::TWICE;

/// Most reasons that are named.
const MOST_REASONS: usize = 3;

/// All damage so far.
#[derive(Debug)]
pub(super) struct Damaged {
    parts: u64,
    bytes: u64,
    /// The first reasons, each once.
    what: Vec<String>,
    more: bool,
    /// Number and bytes of the parts with which data are lost: not of a second copy.
    lost: (u64, u64),
    from_ns: Option<u64>,
    to_ns: Option<u64>,
}

impl Damaged {
    /// No damage yet; the first part comes after the tick at `last_ns`.
    pub(super) fn new(last_ns: Option<u64>) -> Self {
        Self { parts: 0, bytes: 0, what: Vec::new(), more: false, lost: (0, 0), from_ns: last_ns, to_ns: None }
    }

    /// Adds a part, with the reason.
    pub(super) fn add(&mut self, bytes: u64, what: &str) {
        if !self.what.iter().any(|known| known == what) {
            if self.what.len() < MOST_REASONS {
                self.what.push(what.to_owned());
            } else {
                self.more = true;
            }
        }
        if what != TWICE {
            self.lost = (self.lost.0 + 1, self.lost.1.saturating_add(bytes));
        }
        self.parts += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        self.to_ns = None;
    }

    /// Takes a tick that could be read.
    pub(super) fn tick(&mut self, t_ns: u64) {
        self.to_ns.get_or_insert(t_ns);
    }

    /// Number and bytes of the parts with which data are lost.
    pub(super) const fn lost(&self) -> (u64, u64) {
        self.lost
    }

    /// The note on the damage.
    pub(super) fn note(self) -> Note {
        let Self { parts, bytes, mut what, more, from_ns, to_ns, .. } = self;
        what.extend(more.then(|| "and other reasons".to_owned()));
        Note::Damaged { parts, bytes, what: what.join("; "), between_ns: (from_ns, to_ns) }
    }
}
