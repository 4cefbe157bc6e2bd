//! Prints the page of the metrics, which `docs/metrics.md` holds.

#![expect(clippy::disallowed_macros, reason = "printing is all that it does")]

fn main() {
    print!("{}", memtrace_report::metric::page());
}
