//! What is asked for: what is traced, how it is shown, whether it is recorded.

use std::time::Duration;

use crate::{
    cli::{LiveArgs, TraceArgs},
    record::plan::{Place, Plan},
};

use super::start::nanoseconds;

/// How it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// Lines of text on stdout, this many rows in each table, and whether times are UTC and colours unwanted.
    Lines {
        /// Rows of a table in the summary.
        top: usize,
        /// Times are UTC.
        utc: bool,
        /// No colours.
        no_color: bool,
    },
    /// JSON objects on stdout.
    Json,
    /// How the recording goes, on stderr.
    Progress,
}

/// A job.
#[derive(Clone, Debug)]
pub struct Job<'a> {
    /// What is traced.
    pub trace: &'a TraceArgs,
    /// How it is shown.
    pub show: Show,
    /// The shortest stall that is shown one by one.
    pub min_stall: Duration,
    /// Whether and where it is recorded.
    pub recording: Option<Plan>,
}

impl<'a> Job<'a> {
    /// What the arguments of `live` ask for.
    #[must_use]
    pub fn live(args: &'a LiveArgs) -> Self {
        let show =
            if args.json { Show::Json } else { Show::Lines { top: args.top, utc: args.utc, no_color: args.no_color } };
        let recording = args.record.as_ref().map(|path| Plan {
            place: Place::File { path: path.clone(), force: args.force },
            min_stall_ns: args.trace.min_stall.map_or(0, nanoseconds),
            run: 0,
            conditions: Vec::new(),
        });
        Self { trace: &args.trace, show, min_stall: args.min_stall(), recording }
    }

    /// Whether each change of kswapd is shown.
    pub(super) fn shows_kswapd(&self) -> bool {
        match self.show {
            Show::Json => true,
            Show::Lines { .. } => self.trace.verbose,
            Show::Progress => false,
        }
    }
}
