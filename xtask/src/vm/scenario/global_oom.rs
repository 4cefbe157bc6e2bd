//! Global direct reclaim by a file, and then a global OOM kill.

use super::Check;
use super::evidence::Sections;
use super::kills::{self, Cause};
use super::run::{self, Run};
use super::stalls;
use super::zones;

/// Judge the run `oom`.
pub(super) fn judge(sections: &Sections<'_>) -> Vec<Check> {
    run::judge(sections, "oom", |run| {
        let mut checks = vec![
            Check::of("load", load(run)),
            Check::of("stalls", stalls::counted(run, "direct")),
            Check::of("allocstall", stalls::allocstall(run)),
            Check::of("shapes", stalls::shapes(run, "direct")),
        ];
        checks.extend(zones::judge(run));
        checks.extend(kills::judge(run, Cause::Global));
        checks
    })
}

/// The load did its part. Otherwise the other checks would hold for the wrong reason.
fn load(run: &Run<'_>) -> Result<String, String> {
    run.loads("file 0, hog 137, mmapfile 0")?;
    match run.grew_until("allocstall_*", "file")? {
        0 => Err("reading the file made no direct reclaim at all".to_owned()),
        count => Ok(format!("{count} direct reclaims by the file, then the hog was killed")),
    }
}
