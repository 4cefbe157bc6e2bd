//! `memtrace report`.

use std::io::{self, BufWriter, IsTerminal as _, Write};

use anyhow::Result;

use super::{
    input::Opener,
    player::{Player, Request},
};
use crate::{
    cli::{ReportArgs, Weight},
    stdout, terminal,
};
use memtrace_core::{gfp::GfpNames, names::Names, stack::fold::Folded};
use memtrace_report::{
    document::{TextForm, markdown, text},
    json::{self, Object},
    replay::Finished,
    report::{Collector, ReportView, document},
};

/// Reads traces and writes what they come to; the result is the exit status.
///
/// # Errors
/// When there is nothing to read, or stdout fails.
pub fn report(args: &ReportArgs) -> Result<u8> {
    let request = Request::new(&args.filter, &args.time, args.utc)?;
    let mut player = Player::new(&Opener::default().open(&args.inputs)?);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut first = true;
    while let Some(mut replay) = player.next_replay(&request) {
        let mut collector = Collector::new(&args.by, replay.meta().base.as_ref().map(|base| &base.input));
        player.play(&mut replay, &mut collector, || true);
        let filter = replay.filter().clone();
        let finished = replay.finish();
        if player.is_left_out(&finished, &request) {
            continue;
        }
        let clock = request.clock(&finished.meta);
        // The text has them in its head.
        if args.json || args.folded.is_some() || !io::stdout().is_terminal() {
            for note in &finished.notes {
                say!("{}", note.text(&clock));
            }
        }
        let view = ReportView {
            clock: &clock,
            filter: &filter,
            top: args.top,
            // A page is not as wide as the terminal that it was made on.
            width: terminal::width().filter(|_| !args.markdown),
            utf8: terminal::is_utf8(),
        };
        let written = if let Some(weight) = args.folded {
            folded(&finished, weight)?
        } else if args.json {
            objects(&finished, &collector, &view)
        } else {
            let gap = if first { "" } else { "\n" };
            let document = document(&finished, &collector, &view);
            let body = if args.markdown {
                markdown(&document)
            } else {
                text(&document, TextForm { style: terminal::style(args.no_color), width: view.width })
            };
            format!("{gap}{body}")
        };
        first = false;
        if !stdout::is_read(out.write_all(written.as_bytes()).and_then(|()| out.flush()), "writing to stdout")? {
            return Ok(player.finish());
        }
    }
    Ok(player.finish())
}

/// The stacks as folded lines.
fn folded(finished: &Finished, weight: Weight) -> Result<String> {
    let Some(stacks) = &finished.summary.stacks else {
        anyhow::bail!("this recording has no stacks: it was made without --stacks. Next: memtrace record --stacks");
    };
    let mut folded = Folded::default();
    for row in &stacks.rows {
        let n = match weight {
            Weight::Time => row.sum.total_ns / 1000,
            Weight::Count => row.sum.stalls,
        };
        let comm = row.comm.as_ref().map_or(b"[unknown]".as_slice(), |comm| comm.bytes());
        folded.add(comm, row.stack.as_deref(), n);
    }
    Ok(folded.lines().map(|line| line + "\n").collect())
}

/// The objects, a line each: the last is the summary.
fn objects(finished: &Finished, collector: &Collector, view: &ReportView<'_>) -> String {
    let gfp = GfpNames::from_list(&finished.meta.setup.gfp_names);
    let names = Names { clock: view.clock, cgroups: &finished.paths, gfp: &gfp };
    let meta = json::Meta::new(&json::MetaInput::of_trace(&finished.meta, view.filter, 0), view.clock);
    let tables = collector.groups.tables(&finished.summary, &names);
    let groups = tables.iter().flat_map(|table| table.objects()).map(Object::Group);
    let summary = Object::Summary(json::Summary::new(&finished.summary, &names));
    // Serializing these types cannot fail; if it did, the object would be missing, not half there.
    [Object::Meta(meta)].into_iter().chain(groups).chain([summary]).filter_map(|object| object.to_line().ok()).collect()
}
