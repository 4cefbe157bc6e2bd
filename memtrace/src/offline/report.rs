//! `memtrace report`.

use std::io::{self, BufWriter, IsTerminal as _, Write as _};

use anyhow::{Result, anyhow};

use super::{
    input::Opener,
    player::{Player, Request},
    start::start,
};
use crate::{cli::ReportArgs, stdout, terminal};
use memtrace_core::gfp::GfpNames;
use memtrace_report::{
    output::{Layout, Recorded},
    report::Collector,
};

/// Reads traces and writes their reports; the result is the exit status.
///
/// # Errors
/// When there is nothing to read, or stdout fails.
pub fn report(args: &ReportArgs) -> Result<u8> {
    let request = Request::new(&args.filter, &args.time, args.text.utc)?;
    let mut player = Player::new(&Opener::default().open(&args.inputs)?);
    let mut out = BufWriter::new(io::stdout().lock());
    let choice = args.output.choice();
    let mut layout = terminal::layout(args.text, args.top);
    while let Some(mut replay) = player.next_replay(&request) {
        let mut collector = Collector::new(&args.by, replay.meta().base.as_ref().map(|base| &base.input));
        player.play(&mut replay, &mut collector, || true);
        let filter = replay.filter().clone();
        let finished = replay.finish();
        if player.is_left_out(&finished, &request) {
            continue;
        }
        let clock = request.clock(&finished.meta);
        // A page on the terminal has the notes in its head.
        if choice.output.render.is_none() || !io::stdout().is_terminal() {
            for note in &finished.notes {
                say!("{}", note.text(&clock));
            }
        }
        let gfp = GfpNames::from_list(&finished.meta.setup.gfp_names);
        let mut sink = choice.sink(&start(&finished.meta, &filter, 0, &clock, &gfp), &layout);
        let mut written = sink.start();
        match sink.end(&Recorded { finished: &finished, collector: &collector }.end()) {
            Ok(end) => written.extend(end),
            // The missing data may have been in the damaged part.
            Err(why) if finished.summary.incomplete.is_some() => say!("{}: {why}", player.name()),
            Err(why) => return Err(anyhow!(why)),
        }
        layout = Layout { follows: true, ..layout };
        if !stdout::is_read(out.write_all(&written).and_then(|()| out.flush()), "writing to stdout")? {
            return Ok(player.finish());
        }
    }
    Ok(player.finish())
}
