//! Copies a recording without the events of stalls shorter than 10 ms, which its ticks still count:
//! `cargo run -p memtrace-trace --example thin -- FILE NEW`.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "it is a program")]

use std::{env, error::Error, fs, io};

use memtrace_trace::{Encoder, Reader, TraceItem, event::Event, model::Entry};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let (Some(from), Some(to)) = (args.next(), args.next()) else { return Err("usage: thin FILE NEW".into()) };
    fs::write(to, thin(io::BufReader::new(fs::File::open(from)?), 10_000_000)?)?;
    Ok(())
}

/// The bytes of the copy. A damaged part of the recording is left out.
pub(crate) fn thin(input: impl io::Read, min_stall_ns: u64) -> Result<Vec<u8>, Box<dyn Error>> {
    let (mut reader, mut encoder, mut copy) = (Reader::new(input), Encoder::new(min_stall_ns), Vec::new());
    while let Some(item) = reader.next_item()? {
        match item {
            TraceItem::Meta(meta) => encoder.begin(&meta, &mut copy)?,
            TraceItem::Entries => {
                for entry in reader.entries() {
                    let cgroup = if let Entry::Event(Event::Stall(stall)) = entry { stall.cgroup_id } else { None };
                    if let Some((id, path)) = cgroup.and_then(|id| Some((id, reader.path(id)?))) {
                        encoder.path(id, path);
                    }
                    encoder.entry(entry, &mut copy)?;
                }
            }
            TraceItem::Tick(tick) => encoder.tick(&tick, &mut copy)?,
            TraceItem::Clock(clock) => encoder.clock(&clock, &mut copy)?,
            TraceItem::Remark(remark) => encoder.remark(&remark, &mut copy)?,
            TraceItem::End(end) => encoder.end(&end, &mut copy)?,
            TraceItem::Damage(_) => {}
        }
    }
    Ok(copy)
}
