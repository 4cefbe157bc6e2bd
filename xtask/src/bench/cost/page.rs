//! docs/cost.md.

use std::fmt::Write as _;

use anyhow::Result;

use super::{
    super::{
        programs::Hook,
        sample::{Random, interval, median},
    },
    Figure, Figures,
};

const HEAD: &str = "\
# Numbers

The cost of memtrace for those who are traced. `cargo xtask bench cost` makes this page; it runs each load bare and beside
each tracer, in random order, and compares the load's own CPU time (user and system) within each round. Intervals are 95 %
intervals of the median.

";

/// The page.
pub(super) fn page(all: &[Figures], hooks: &[Hook], rounds: usize, random: &mut Random) -> Result<String> {
    let uname = rustix::system::uname();
    let cpus = std::thread::available_parallelism()?;
    let mut out = HEAD.to_owned();
    let release = uname.release().to_string_lossy();
    writeln!(
        out,
        "Measured on Linux {release} ({}), {cpus} processors, {rounds} rounds.\n",
        uname.machine().to_string_lossy()
    )?;
    for figures in all {
        load(&mut out, figures, random)?;
    }
    writeln!(out, "## By hook\n")?;
    writeln!(
        out,
        "Run time of each program, without what the kernel's own measuring adds. *Warm*: a load without a disk, whose maps stay \
         in the CPU's caches. *Cold*: a load that reads from a disk; the difference is mostly cache misses.\n"
    )?;
    writeln!(out, "| program | warm | cold |\n|---|---:|---:|")?;
    let ns = |ns: Option<f64>| ns.map_or_else(|| "-".to_owned(), |ns| format!("{ns:.0} ns"));
    for hook in hooks {
        writeln!(out, "| {} | {} | {} |", hook.name, ns(hook.warm_ns), ns(hook.cold_ns))?;
    }
    Ok(out)
}

fn load(out: &mut String, figures: &Figures, random: &mut Random) -> std::fmt::Result {
    let Figures { load, bare_s, stalls, refaults, of } = figures;
    writeln!(out, "## Load: {}\n", load.name)?;
    let mut what = load.what.to_owned();
    if let Some(first) = what.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    writeln!(out, "{what}: {bare_s:.2} s of CPU time, {stalls} stalls, {refaults} pages refaulted.\n")?;
    writeln!(out, "| beside it | CPU time of the load, against bare | added per stall |\n|---|---:|---:|")?;
    for Figure { tracer, ratios, added_ns, .. } in of.iter().flatten() {
        let (low, high) = interval(ratios, random);
        let (least, most) = interval(added_ns, random);
        let added =
            if *stalls > 0 { format!("{:+.0} ns [{least:+.0}, {most:+.0}]", median(added_ns)) } else { "-".to_owned() };
        writeln!(out, "| {tracer} | {:.3} [{low:.3}, {high:.3}] | {added} |", median(ratios))?;
    }
    writeln!(out)
}
