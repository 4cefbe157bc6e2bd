//! Sides of a comparison that share a period of one recording: nothing can differ there.

use std::sync::Arc;

use super::recordings::Recording;
use memtrace_core::clock::Clock;
use memtrace_report::{replay::window::Window, text};
use memtrace_trace::index::RecordingId;

/// Periods of recordings on one side.
#[derive(Debug)]
pub(super) struct Held {
    side: String,
    parts: Vec<Part>,
}

/// A period of a recording.
#[derive(Debug)]
struct Part {
    id: Arc<RecordingId>,
    /// Names of its inputs, for a sentence.
    name: String,
    /// Its first input, for a command.
    file: String,
    clock: Clock,
    from_ns: u64,
    to_ns: u64,
}

impl Held {
    /// A side that holds nothing yet.
    pub(super) fn new(side: &str) -> Self {
        Self { side: side.to_owned(), parts: Vec::new() }
    }

    /// Time of all parts, in ns.
    fn lasts_ns(&self) -> u64 {
        self.parts.iter().map(|part| part.to_ns - part.from_ns).sum()
    }

    /// Adds the part of a recording that lies in a window, with the names of its inputs and of the first of them.
    pub(super) fn add(&mut self, recording: &Recording, window: &Window, [name, file]: [&str; 2], clock: &Clock) {
        let Some(id) = &recording.id else { return };
        for (start_ns, end_ns) in recording.spans() {
            let from_ns = start_ns.max(window.since_ns.unwrap_or(0));
            let to_ns = end_ns.min(window.until_ns.unwrap_or(u64::MAX));
            if from_ns < to_ns {
                let (id, name, file, clock) = (Arc::clone(id), name.to_owned(), file.to_owned(), clock.clone());
                self.parts.push(Part { id, name, file, clock, from_ns, to_ns });
            }
        }
    }
}

/// Refuses sides that share a period of a recording.
///
/// # Errors
/// When two sides do; the text names them and the remedy.
pub(super) fn check(sides: &[Held]) -> Result<(), String> {
    for (at, a) in sides.iter().enumerate() {
        for b in &sides[at + 1..] {
            let pairs = a.parts.iter().flat_map(|part| b.parts.iter().map(move |other| (part, other)));
            let common: Vec<_> = pairs.filter_map(|(part, other)| common(part, other)).collect();
            if let Some((part, other, ..)) = common.first() {
                let ns: u64 = common.iter().map(|(.., from_ns, to_ns)| to_ns - from_ns).sum();
                let from_ns = common.iter().map(|(.., from_ns, _)| *from_ns).min().unwrap_or(0);
                let to_ns = common.iter().map(|(.., to_ns)| *to_ns).max().unwrap_or(0);
                let files = if part.name == other.name {
                    part.name.clone()
                } else {
                    format!("{} and {}", part.name, other.name)
                };
                return Err(format!(
                    "{} and {} {} ({files}: {} of host {}, {} to {}): nothing can differ there. Name \
                     another recording, or split this one at a time: memtrace compare --split T {}",
                    a.side,
                    b.side,
                    if a.lasts_ns() == ns && b.lasts_ns() == ns {
                        "are the same recording"
                    } else {
                        "share a part of one recording"
                    },
                    text::duration(ns),
                    part.id.host.tty(),
                    part.clock.seconds(from_ns),
                    part.clock.seconds(to_ns),
                    part.file
                ));
            }
        }
    }
    Ok(())
}

/// Two parts with the begin and end, in ns, of the period that they share; `None` when they share none.
fn common<'a>(a: &'a Part, b: &'a Part) -> Option<(&'a Part, &'a Part, u64, u64)> {
    let (from_ns, to_ns) = (a.from_ns.max(b.from_ns), a.to_ns.min(b.to_ns));
    (a.id == b.id && from_ns < to_ns).then_some((a, b, from_ns, to_ns))
}
