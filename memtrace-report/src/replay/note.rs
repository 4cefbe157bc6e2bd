//! Notes that a reader of a trace needs besides its content.

use std::fmt::{self, Display};

use crate::text;
use memtrace_core::{
    clock::Clock,
    host_facts::change::Change,
    untrusted::{Text, Untrusted},
};

/// A note on a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The trace has lost its beginning, and with it the facts about the host.
    NoMeta,
    /// The trace just ends: the recorder was killed, or still runs.
    NoEnd {
        /// The last tick, `CLOCK_MONOTONIC` in ns; `None` when there is none.
        until_ns: Option<u64>,
        /// Stalls after it, which are in the tables and not yet in the totals.
        stalls: u64,
    },
    /// Parts could not be read.
    Damaged {
        /// Number of parts.
        parts: u64,
        /// Total length in bytes.
        bytes: u64,
        /// First reasons, in words.
        what: String,
        /// The last tick before the first and the first one after the last, `CLOCK_MONOTONIC` in ns.
        between_ns: (Option<u64>, Option<u64>),
    },
    /// The first segment given is not the first of the recording.
    BeginsLater {
        /// Number of the segment.
        segment: u32,
    },
    /// Segments are missing.
    Gap {
        /// The first and the last that is missing.
        segments: (u32, u32),
        /// Stalls in them: in the totals and in no table.
        stalls: u64,
        /// Total time of the stalls in ns.
        total_ns: u64,
    },
    /// The end of a segment is missing, and no file is damaged there.
    Cut {
        /// Number of the segment.
        segment: u32,
        /// The last tick of the segment and the beginning of the next one, `CLOCK_MONOTONIC` in ns.
        from_ns: u64,
        /// See `from_ns`.
        to_ns: u64,
        /// Stalls between the two: in the totals and in no table.
        stalls: u64,
        /// Total time of the stalls in ns.
        total_ns: u64,
    },
    /// Segments that are, as a whole or in part, in the inputs more than once.
    Twice {
        /// The first and the last of them.
        segments: (u32, u32),
    },
    /// The disk was full or failed: from then on only totals were written.
    EventsStopped {
        /// Time, `CLOCK_MONOTONIC` in ns.
        t_ns: u64,
        /// Reason, in words.
        text: Text,
    },
    /// A setting was changed.
    Changed {
        /// The tick at which it was noticed, `CLOCK_MONOTONIC` in ns.
        t_ns: u64,
        /// Setting, with its old and new value.
        change: Change,
    },
    /// Stalls that the trace counts and of which it holds no event.
    Unrecorded {
        /// Number of stalls.
        stalls: u64,
        /// Total time of the stalls in ns.
        total_ns: u64,
        /// Number of stalls that a filter on kinds has left out, since their kinds are not known.
        left_out: u64,
        /// Shortest stall that the recording was to hold, in ns.
        min_stall_ns: u64,
    },
    /// The wall clock of the host was set while it was traced; times here go on as they began.
    ClockSet {
        /// Difference in ns.
        by_ns: i64,
    },
    /// The host was suspended meanwhile: times here stand still then.
    Suspended {
        /// Duration in ns.
        ns: u64,
    },
    /// Only one tick could be read.
    NoInterval,
    /// No tick lies in the requested time.
    EmptyWindow {
        /// The first and the last tick that were read, `CLOCK_MONOTONIC` in ns. Reading ends with the range.
        ticks_ns: Option<(u64, u64)>,
        /// Time between two ticks, in ns.
        interval_ns: u64,
    },
}

impl Note {
    /// True for a note that the input is damaged.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }

    /// True for a note that something is missing or wrong.
    #[must_use]
    pub const fn is_warning(&self) -> bool {
        !matches!(self, Self::Twice { .. })
    }

    /// The note as a sentence, with times by this clock.
    #[must_use]
    pub fn text(&self, clock: &Clock) -> String {
        Words { note: self, clock }.to_string()
    }
}

struct Words<'a> {
    note: &'a Note,
    clock: &'a Clock,
}

impl Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |t_ns: u64| self.clock.seconds(t_ns);
        let stalls = |n: u64, ns: u64| format!("{}, {}", text::things(n, "stall"), text::duration(ns));
        match self.note {
            Note::NoMeta => f.write_str(
                "the beginning of the trace is lost: host and settings are not known, counts begin with its first tick",
            ),
            Note::NoEnd { until_ns: None, .. } => {
                f.write_str("it holds no tick yet: the recording ended abnormally, or has just begun")
            }
            Note::NoEnd { until_ns: Some(until_ns), stalls } => {
                write!(f, "readable until {}; recording ended abnormally, or still runs", time(*until_ns))?;
                if *stalls > 0 {
                    write!(f, " ({} after that in the tables and not in the totals)", text::things(*stalls, "stall"))?;
                }
                Ok(())
            }
            Note::Damaged { parts, bytes, what, between_ns } => {
                let (parts, bytes) = (text::things(*parts, "part"), text::bytes(*bytes));
                write!(f, "damaged: {parts} of it could not be read ({bytes}), ")?;
                match *between_ns {
                    (Some(from), Some(to)) if time(from) == time(to) => write!(f, "at {}", time(from)),
                    (Some(from), Some(to)) => write!(f, "between {} and {}", time(from), time(to)),
                    (Some(from), None) => write!(f, "after {}", time(from)),
                    (None, Some(to)) => write!(f, "before {}", time(to)),
                    (None, None) => f.write_str("between its beginning and its end"),
                }?;
                write!(f, ": {}; the rest was read", Untrusted(what.as_bytes()).tty())
            }
            Note::BeginsLater { segment } => {
                write!(f, "begins with segment {segment} of its recording: what came before is in no number")
            }
            Note::Gap { segments: (first, last), stalls: n, total_ns } => {
                if first == last {
                    write!(f, "segment {first} is missing")?;
                } else {
                    write!(f, "segments {first} to {last} are missing")?;
                }
                write!(f, ": {} of them are in the totals and in no table", stalls(*n, *total_ns))
            }
            Note::Cut { segment, from_ns, to_ns, stalls: n, total_ns } => write!(
                f,
                "segment {segment} is there up to {} only, and the next one begins at {}: {} between them are in the totals \
                 and in no table",
                time(*from_ns),
                time(*to_ns),
                stalls(*n, *total_ns)
            ),
            Note::Twice { segments: (first, last) } if first == last => {
                write!(f, "segment {first} is in the inputs more than once: each part of it counts once")
            }
            Note::Twice { segments: (first, last) } => {
                write!(f, "segments {first} to {last} are in the inputs more than once: each part of them counts once")
            }
            Note::EventsStopped { t_ns, text } => {
                write!(f, "from {} on no single event was written ({}); the totals go on", time(*t_ns), text.tty())
            }
            Note::Changed { t_ns, change: Change { name, before, after } } => {
                let value = |value: &Option<Text>| match value {
                    None => "not set".to_owned(),
                    Some(value) => value.tty().to_string(),
                };
                let name = name.tty();
                write!(f, "{name} was changed from {} to {} at {}", value(before), value(after), time(*t_ns))
            }
            Note::Unrecorded { stalls: n, total_ns, left_out, min_stall_ns } => {
                write!(f, "the trace holds no event of {}", stalls(*n, *total_ns))?;
                if *min_stall_ns > 0 {
                    write!(f, " (recorded with --min-stall {})", text::duration(*min_stall_ns).replace(' ', ""))?;
                }
                f.write_str(": they are in the totals and tables, without percentiles")?;
                if *left_out > 0 {
                    write!(
                        f,
                        "; {} have no known kind and match no filter on kinds",
                        text::things(*left_out, "stall")
                    )?;
                }
                Ok(())
            }
            Note::ClockSet { by_ns } => write!(
                f,
                "the host's clock was set {} by {} meanwhile; times here go on as they began",
                if *by_ns < 0 { "back" } else { "forward" },
                text::duration(by_ns.unsigned_abs())
            ),
            Note::Suspended { ns } => {
                write!(f, "the host slept for {} meanwhile; times here stand still then", text::duration(*ns))
            }
            Note::EmptyWindow { ticks_ns: None, .. } => f.write_str("the trace holds no tick"),
            Note::EmptyWindow { ticks_ns: Some((first, last)), interval_ns } => write!(
                f,
                "no interval lies in the time range: ticks are {} apart (first read {}, last read {}), and each end of \
                 the range moves to the nearest one",
                text::duration(*interval_ns),
                time(*first),
                time(*last)
            ),
            Note::NoInterval => {
                f.write_str("only one tick could be read, and an interval needs two: nothing is counted")
            }
        }
    }
}
