//! What is asked for: what is traced, how it is shown, whether it is recorded.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::{
    cli::{LiveArgs, TraceArgs},
    record::plan::{Destination, RecordPlan},
    terminal,
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
    /// The screen, and the summary as lines after it.
    Screen {
        /// Rows of a table in the summary.
        top: usize,
        /// Times are UTC.
        utc: bool,
        /// No colours.
        no_color: bool,
    },
    /// The screen once, as text.
    Once {
        /// Times are UTC.
        utc: bool,
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
    pub recording: Option<RecordPlan>,
}

impl<'a> Job<'a> {
    /// What the arguments of `live` ask for.
    #[must_use]
    pub fn live(args: &'a LiveArgs) -> Self {
        let LiveArgs { top, utc, no_color, .. } = *args;
        // A command writes to the same terminal.
        let screen = args.tui || (!args.lines && args.trace.cmd.is_empty() && terminal::can_show_screen());
        let show = if args.json {
            Show::Json
        } else if args.once {
            Show::Once { utc }
        } else if screen {
            Show::Screen { top, utc, no_color }
        } else {
            Show::Lines { top, utc, no_color }
        };
        // The screen can save what led up to what is seen.
        let kept = matches!(show, Show::Screen { .. }).then_some(Destination::Memory);
        let file = args.record.as_ref().map(|path| Destination::File { path: path.clone(), force: args.force });
        let recording = file.or(kept).map(|place| RecordPlan {
            place,
            min_stall_ns: args.trace.min_stall.map_or(0, nanoseconds),
            run: 0,
            conditions: Vec::new(),
            own_settings: Vec::new(),
        });
        // The screen has the rows of the ticks, and no line of a stall.
        let min_stall =
            if matches!(show, Show::Screen { .. } | Show::Once { .. }) { Duration::MAX } else { args.min_stall() };
        Self { trace: &args.trace, show, min_stall, recording }
    }

    /// Whether ticks must say who had what.
    pub(super) fn wants_rows(&self) -> bool {
        matches!(self.show, Show::Screen { .. } | Show::Once { .. })
    }

    /// Refuses what cannot be.
    pub(super) fn check(&self) -> Result<()> {
        if matches!(self.show, Show::Screen { .. }) && !terminal::can_show_screen() {
            bail!("the screen needs a terminal on stdin and stdout, and TERM that is not `dumb`: leave out --tui");
        }
        if matches!(self.show, Show::Screen { .. }) && !self.trace.cmd.is_empty() {
            bail!("the screen and the command's output do not go together: use --lines, or start it elsewhere");
        }
        Ok(())
    }

    /// How long to trace; `None` until something ends it.
    pub(super) fn duration(&self) -> Option<Duration> {
        let once = matches!(self.show, Show::Once { .. }).then_some(self.trace.interval);
        self.trace.duration.or(once)
    }

    /// Whether each change of kswapd is shown.
    pub(super) fn shows_kswapd(&self) -> bool {
        match self.show {
            Show::Json => true,
            Show::Lines { .. } => self.trace.verbose,
            Show::Progress | Show::Screen { .. } | Show::Once { .. } => false,
        }
    }
}
