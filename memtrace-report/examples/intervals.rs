//! Errors of the words and intervals of `memtrace compare`, measured on loads with a known law:
//! `cargo run --release -p memtrace-report --example intervals -- --seeds 1000`.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "an example that says what it measured"
)]

#[path = "../tests/intervals/loads.rs"]
mod loads;
#[path = "../tests/intervals/measure.rs"]
mod measure;

use loads::LOADS;
use measure::{ROWS, drift, measure};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let option = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
    let seeds = option("--seeds").and_then(|n| n.parse().ok()).unwrap_or(1000);
    let runs = option("--runs").and_then(|n| n.parse().ok()).unwrap_or(1);
    let wanted = |name: &str| option("--load").is_none_or(|load| name.contains(load.as_str()));
    let percent = |share: f64| format!("{:.1}", share * 100.0);
    println!("{:<15} {:>5} {:>8} {:>6} {:>8} {:>6}  coverage", "load", "s", "refused", "words", "fail-if", "found");
    let lengths: &[usize] = if runs == 1 { &[600, 1800] } else { &[60, 300, 600] };
    for (name, load) in LOADS.into_iter().filter(|(name, _)| wanted(name)) {
        for &seconds in lengths {
            if args.iter().any(|arg| arg == "--drift") {
                let [still, moving] = [1.0, 1.5].map(|first| percent(drift(load, runs, seconds, first, seeds)));
                println!("{name:<15} {seconds:>5}  drift {still:>6} {moving:>6}");
                continue;
            }
            let counts = measure(load, runs, seconds, seeds);
            let rows = ROWS.iter().enumerate().map(|(at, metric)| {
                format!("{} {}", metric.name(), counts.coverage(at).map_or_else(|| "-".to_owned(), percent))
            });
            println!(
                "{name:<15} {seconds:>5} {:>8} {:>6} {:>8} {:>6}  {}",
                percent(counts.refused()),
                percent(counts.share(counts.false_words)),
                percent(counts.share(counts.false_fail_if)),
                percent(counts.share(counts.found)),
                rows.collect::<Vec<_>>().join(", ")
            );
        }
    }
}
