//! A tracing job: what to trace, the view, and the recording.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::{
    cli::{Choice, LiveArgs, TextArgs, TraceArgs},
    record::plan::{Destination, RecordPlan},
    terminal,
};

use memtrace_core::units::duration::nanoseconds;

/// The view that is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Show {
    /// An output on stdout.
    Stream(Choice),
    /// The screen, and the summary as lines after it.
    Screen,
    /// The screen once, as text.
    Once,
    /// The progress of the recording, on stderr.
    Progress,
}

/// A tracing job.
#[derive(Clone, Debug)]
pub struct Job<'a> {
    /// Options of the tracing.
    pub trace: &'a TraceArgs,
    /// View of the trace.
    pub show: Show,
    /// Options of text.
    pub text: TextArgs,
    /// Rows of a table in the summary.
    pub top: usize,
    /// Shortest stall that gets a line of its own.
    pub min_stall: Duration,
    /// Recording; `None` without one.
    pub recording: Option<RecordPlan>,
}

impl<'a> Job<'a> {
    /// A recording whose progress is shown.
    #[must_use]
    pub fn record(trace: &'a TraceArgs, plan: RecordPlan) -> Self {
        let text = TextArgs { utc: true, ..TextArgs::default() };
        Self { trace, show: Show::Progress, text, top: 0, min_stall: Duration::MAX, recording: Some(plan) }
    }

    /// Job for the arguments of `live`.
    #[must_use]
    pub fn live(args: &'a LiveArgs) -> Self {
        // A command writes to the same terminal.
        let wants_screen =
            args.tui || (args.output.asked.is_none() && args.trace.cmd.is_empty() && terminal::can_show_screen());
        let show = if args.once {
            Show::Once
        } else if wants_screen {
            Show::Screen
        } else {
            Show::Stream(args.output.choice())
        };
        // The screen can save the last minutes, so they are kept.
        let kept = (show == Show::Screen).then_some(Destination::Memory);
        let file = args.record.as_ref().map(|path| Destination::File { path: path.clone(), force: args.force });
        let recording = file.or(kept).map(|place| RecordPlan {
            place,
            min_stall_ns: args.trace.min_stall.map_or(0, nanoseconds),
            run: 0,
            conditions: Vec::new(),
            own_settings: Vec::new(),
        });
        // The screen shows rows of ticks, and no single stalls.
        let min_stall = if matches!(show, Show::Screen | Show::Once) { Duration::MAX } else { args.min_stall() };
        Self { trace: &args.trace, show, text: args.text, top: args.top, min_stall, recording }
    }

    /// True if ticks must have rows of the interval.
    pub(super) fn wants_rows(&self) -> bool {
        matches!(self.show, Show::Screen | Show::Once)
    }

    /// Rejects combinations that cannot work.
    pub(super) fn check(&self) -> Result<()> {
        if self.show == Show::Screen && !terminal::can_show_screen() {
            bail!("the screen needs a terminal on stdin and stdout, and a TERM other than `dumb`: leave out --tui");
        }
        if self.show == Show::Screen && !self.trace.cmd.is_empty() {
            bail!("the screen and CMD cannot share a terminal: use --lines, or start CMD in another terminal");
        }
        Ok(())
    }

    /// Length of an interval. `--once` shows a single interval, and one second of a host is too short for that.
    pub(super) fn interval(&self) -> Duration {
        let default = Duration::from_secs(if self.show == Show::Once { 5 } else { 1 });
        self.trace.interval.unwrap_or(default)
    }

    /// Duration of the tracing; `None` without a limit.
    pub(super) fn duration(&self) -> Option<Duration> {
        let once = (self.show == Show::Once).then(|| self.interval());
        self.trace.duration.or(once)
    }

    /// True if each change of kswapd is shown.
    pub(super) fn shows_kswapd(&self) -> bool {
        match self.show {
            Show::Stream(choice) => choice.output.is_complete || self.trace.verbose > 0,
            Show::Progress | Show::Screen | Show::Once => false,
        }
    }
}
