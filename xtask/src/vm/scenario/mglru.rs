//! The storm of global direct reclaim by a file, with MGLRU, which uses other reclaim code.

use super::Check;
use super::evidence::Sections;
use super::{run, stalls};

/// Judge the run `mglru`, which is missing if the kernel has no MGLRU.
pub(super) fn judge(sections: &Sections<'_>) -> Vec<Check> {
    match sections.get("lru:lru_gen") {
        Ok([]) => vec![Check::skip("stalls", "this kernel has no MGLRU")],
        _ => run::judge(sections, "mglru", |run| {
            let mut checks = vec![Check::of("enabled", enabled(run))];
            checks.extend(stalls::direct(run, "file 0, mmapfile 0"));
            checks
        }),
    }
}

fn enabled(run: &run::Run<'_>) -> Result<String, String> {
    match run.section("lru_gen")? {
        [state] if *state != "0x0000" => Ok(format!("lru_gen/enabled {state}")),
        other => Err(format!("lru_gen/enabled {other:?} although it was switched on")),
    }
}
