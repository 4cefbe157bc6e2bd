//! A flood of real memcg stalls: a write to `memory.force_empty` of a v1 cgroup reclaims it 16 times.

use std::{
    env, fs,
    fs::OpenOptions,
    io::Write as _,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use tests::ChildGuard;

use crate::until::Until;

/// Memory in MB that the child holds in the cgroup. Without swap it cannot be reclaimed, so each reclaim fails and is
/// tried again.
const HELD_MB: u64 = 4;
/// Lifetime of the child in seconds: longer than any storm, and the child is killed at the end.
const HELD_SECS: &str = "86400";

/// Writes to `memory.force_empty` until `until`, at most `rate` times a second.
pub(crate) fn run(dir: &Path, until: &Until, rate: Option<u32>) -> Result<()> {
    let control = dir.join("memory.force_empty");
    if !control.exists() {
        bail!(
            "{} is not there: the storm needs a cgroup of the v1 memory hierarchy (v2 has no such file)",
            control.display()
        );
    }
    let me = env::current_exe().context("the path of memload")?;
    let _holder = ChildGuard::spawn(
        Command::new(me).arg("--die-with-parent").arg("--cgroup").arg(dir).args(["anon", "4", HELD_SECS, "--hold"]),
    );
    wait_for_charge(dir)?;

    let (start, mut writes) = (Instant::now(), 0_u64);
    while !until.reached(start, writes) {
        if let Some(rate) = rate {
            let due = Duration::from_nanos(writes.saturating_mul(1_000_000_000) / u64::from(rate));
            std::thread::sleep(due.saturating_sub(start.elapsed()));
        }
        // One open per write: the kernel takes each write(2) at offset 0 only.
        let mut file =
            OpenOptions::new().write(true).open(&control).with_context(|| format!("{}", control.display()))?;
        // EBUSY is expected: the cgroup cannot be emptied.
        let _ = file.write_all(b"0");
        writes += 1;
    }
    println!("storm: {writes} writes in {:.2} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn wait_for_charge(dir: &Path) -> Result<()> {
    let usage = dir.join("memory.usage_in_bytes");
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        let text = fs::read_to_string(&usage).with_context(|| format!("reading {}", usage.display()))?;
        if text.trim().parse::<u64>().is_ok_and(|bytes| bytes >= HELD_MB << 20) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    bail!("nothing was charged to {} in 5 s", dir.display())
}
