//! Global direct reclaim of anonymous memory, with swap on zram.

use super::Check;
use super::evidence::Sections;
use super::run::{self, Run};
use super::stalls;

/// Judge the run `anon`.
pub(super) fn judge(sections: &Sections<'_>) -> Vec<Check> {
    run::judge(sections, "anon", |run| {
        let mut checks = vec![Check::of("swap", swap(run))];
        checks.extend(stalls::direct(run, "anon 0"));
        checks
    })
}

fn swap(run: &Run<'_>) -> Result<String, String> {
    let (read, written) = (run.grew("pswpin")?, run.grew("pswpout")?);
    if read == 0 || written == 0 {
        return Err(format!("swap was not used: {read} pages in, {written} out"));
    }
    Ok(format!("{read} pages in, {written} out"))
}
