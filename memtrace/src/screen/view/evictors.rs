//! Evictors of the pages that were read back in an interval.

use crate::screen::rows::ScreenRow;
use memtrace_core::{
    event::{Evictor, FileId},
    session::{
        evictors::{ByMemory, EvictorSum, EvictorSummary, Pair},
        tick::Tick,
        tick::Who,
    },
    untrusted::Untrusted,
};
use memtrace_report::text::{percent, rate};

/// Pairs and files in the panel.
const PAIRS: usize = 3;
const FILES: usize = 2;
/// Most evictors that are shown for one row.
const OF_ROW: usize = 4;

/// The lines of the panel.
pub(super) fn panel(tick: &Tick, evictors: &ByMemory<EvictorSummary>) -> Vec<String> {
    let mut lines = match evictors.files.sum.samples {
        0 => vec!["no page of a file came back".to_owned()],
        _ => of_memory(tick, &evictors.files),
    };
    match &evictors.anon {
        Some(anon) if anon.sum.samples > 0 => {
            lines.extend(of_memory(tick, anon).into_iter().map(|line| format!("{line}, anonymous")));
        }
        Some(_) => lines.push("no anonymous memory came back".to_owned()),
        None => {}
    }
    lines
}

fn of_memory(tick: &Tick, evictors: &EvictorSummary) -> Vec<String> {
    let pair = |(pair, sum): &(Pair, EvictorSum)| {
        format!(
            "{:>7}  {} > {}[{}]",
            rate(tick.rate(sum.pages())),
            who(&pair.evictor),
            name(pair.comm.bytes()),
            pair.pid
        )
    };
    let file = |(file, sum): &(FileId, EvictorSum)| {
        let name = if file.name.bytes().is_empty() { format!("inode {}", file.ino) } else { name(file.name.bytes()) };
        format!("{:>7}  of {name}", share(sum, &evictors.sum))
    };
    let pairs = evictors.pairs.iter().take(PAIRS).map(pair);
    pairs.chain(evictors.files.iter().take(FILES).map(file)).collect()
}

/// Evictors of the pages that the process of a row read back; empty for other rows, and when no page was read back.
pub(super) fn of_row(tick: &Tick, row: &ScreenRow) -> Vec<String> {
    let (Some(evictors), Some(Who::Process(pid, _))) = (&tick.evictors, row.who) else { return Vec::new() };
    let of = |what: &str, of: &EvictorSummary| Some(format!("{what} were evicted by: {}", evictors_of(of, pid)?));
    let files = of("file pages that it read back", &evictors.files);
    let anon = evictors.anon.as_ref().and_then(|anon| of("anonymous pages that it read back", anon));
    files.into_iter().chain(anon).collect()
}

fn evictors_of(evictors: &EvictorSummary, pid: u32) -> Option<String> {
    let mut all = EvictorSum::default();
    let pairs: Vec<_> = evictors.pairs.iter().filter(|(pair, _)| pair.pid == pid).collect();
    pairs.iter().for_each(|(_, sum)| all.add(*sum));
    let by = |(pair, sum): &&(Pair, EvictorSum)| format!("{} {}", who(&pair.evictor), share(sum, &all));
    let by: Vec<_> = pairs.iter().take(OF_ROW).map(by).collect();
    (!by.is_empty()).then(|| by.join(", "))
}

fn who(evictor: &Evictor) -> String {
    format!("{}[{}]", name(evictor.comm.bytes()), evictor.pid)
}

fn name(bytes: &[u8]) -> String {
    Untrusted(bytes).tty().to_string()
}

#[expect(clippy::cast_precision_loss, reason = "a share for a person")]
fn share(part: &EvictorSum, whole: &EvictorSum) -> String {
    percent((whole.samples > 0).then(|| part.samples as f64 / whole.samples as f64))
}
