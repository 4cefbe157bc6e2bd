//! Prints the longest stall of each process in a recording: `cargo run -p memtrace-trace --example longest -- FILE`.

#![expect(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types, reason = "it is a program")]

use std::{collections::BTreeMap, env, error::Error, fs::File, io};

use memtrace_trace::{Reader, TraceItem, event::Event, model::Entry};

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args().nth(1).ok_or("usage: longest FILE")?;
    for (pid, ns) in longest_ns(io::BufReader::new(File::open(path)?))? {
        println!("{pid:>8} {:>12} us", ns / 1000);
    }
    Ok(())
}

/// The longest stall of each process, in ns by pid.
pub(crate) fn longest_ns(input: impl io::Read) -> Result<BTreeMap<u32, u64>, Box<dyn Error>> {
    let mut reader = Reader::new(input);
    let mut all: BTreeMap<u32, u64> = BTreeMap::new();
    while let Some(item) = reader.next_item()? {
        if let TraceItem::Damage(damage) = &item {
            eprintln!("{} bytes are damaged: {}", damage.bytes, damage.what);
        }
        for entry in if matches!(item, TraceItem::Entries) { reader.entries() } else { &[] } {
            if let Entry::Event(Event::Stall(stall)) = entry {
                let longest = all.entry(stall.pid).or_default();
                *longest = stall.dur_ns.max(*longest);
            }
        }
    }
    Ok(all)
}
