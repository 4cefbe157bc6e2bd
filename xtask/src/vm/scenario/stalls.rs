//! The checks of stalls that several scenarios share: their number, their shape, and the pages scanned in them.

use super::Check;
use super::run::Run;

/// The largest order of an allocation on x86-64.
const MAX_ORDER: i64 = 10;

/// The number of stalls of a kind agrees with tracefs, which counted the same event. memtrace leaves its own stalls out
/// of all numbers but one, and reports its losses.
pub(super) fn counted(run: &Run<'_>, kind: &str) -> Result<String, String> {
    let event = if kind == "direct" { "direct_reclaim_end" } else { "memcg_reclaim_end" };
    let ours = run.number(&format!("/stalls/{kind}/count"))?;
    let total = run.number(&format!("/stalls/{kind}/total_ns"))?;
    let own = run.number("/self/stalls/count")?;
    let (kernel, lost) = (run.witness(event)?, run.lost());
    let figures = match own {
        0 => format!("{ours} seen, tracefs {kernel}"),
        own => format!("{ours} seen and {own} of its own, tracefs {kernel}"),
    };
    if ours == 0 || total == 0 {
        return Err(format!("no {kind} stall or no time in them: {figures}, {total} ns"));
    }
    if ours > kernel.most {
        return Err(format!("more than the kernel's: {figures}"));
    }
    if ours + own + lost < kernel.least {
        return Err(format!("less than the kernel's, and loss {lost} does not explain it: {figures}"));
    }
    let streamed: u64 = run.shapes(kind)?.iter().map(|shape| shape.count).sum();
    if streamed > ours || (lost == 0 && streamed != ours) {
        return Err(format!("{streamed} in the stream and {ours} in the summary, loss {lost}"));
    }
    Ok(format!("{figures}, mean {:.2} ms", milliseconds(total, ours)))
}

/// The number of direct stalls agrees with `allocstall_*` of `/proc/vmstat`. The kernel counts retries inside a reclaim
/// again, so its count may be above ours.
pub(super) fn allocstall(run: &Run<'_>) -> Result<String, String> {
    let kernel = run.grew("allocstall_*")?;
    // memtrace's own stalls are counted over all kinds.
    let (ours, own) = (run.number("/stalls/direct/count")?, run.number("/self/stalls/count")?);
    let figures = format!("{ours} and up to {own} of its own, allocstall {kernel}");
    if ours > kernel {
        Err(format!("more than the kernel counted: {figures}"))
    } else if (ours + own + run.lost()) * 4 < kernel * 3 {
        Err(format!("less than three quarters of the kernel's, which retries do not explain: {figures}"))
    } else {
        Ok(format!("{figures}, ratio {:.3}", ratio((ours + own).min(kernel), kernel)))
    }
}

/// Order and flags of every stall are possible for an allocation, most stalls are memload's, and some have order 0.
/// Fields that were read at the offset of another kernel show up here.
pub(super) fn shapes(run: &Run<'_>, kind: &str) -> Result<String, String> {
    let shapes = run.shapes(kind)?;
    let (mut all, mut by_load, mut single, mut highest) = (0, 0, 0, 0);
    for shape in &shapes {
        let order = shape.stall["order"].as_i64().ok_or_else(|| format!("order unread in {}", shape.stall))?;
        let gfp = shape.stall["gfp"].as_str().ok_or_else(|| format!("gfp unread in {}", shape.stall))?;
        if !(0..=MAX_ORDER).contains(&order) || (kind == "memcg" && order != 0) {
            return Err(format!("order {order} of a {kind} stall: {}", shape.stall));
        }
        if gfp.is_empty() || gfp.split('|').any(|flag| !flag.trim_start_matches('_').starts_with("GFP_")) {
            return Err(format!("gfp {gfp:?} has a part that is no flag: {}", shape.stall));
        }
        all += shape.count;
        highest = highest.max(order);
        single += if order == 0 { shape.count } else { 0 };
        by_load += if shape.stall["comm"] == "memload" { shape.count } else { 0 };
    }
    if by_load * 2 < all || single == 0 {
        return Err(format!("of {all} stalls {by_load} are memload's and {single} of order 0"));
    }
    let common = shapes.iter().max_by_key(|shape| shape.count).and_then(|shape| shape.stall["gfp"].as_str());
    Ok(format!("{by_load} of {all} by memload, orders 0-{highest}, mostly {}", common.unwrap_or_default()))
}

/// The running kernel's way of counting scanned pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lists {
    /// Active and inactive lists: the event has the same numbers as the counters.
    Classic,
    /// MGLRU with the event (6.12 and later): the event has more scanned pages than the counters, and leaves out some
    /// reclaimed ones.
    Mglru,
    /// MGLRU without any event (6.1).
    MglruUncounted,
}

impl Lists {
    fn of(run: &Run<'_>) -> Result<Self, String> {
        let on = run.section("lru_gen")?.first().is_some_and(|state| *state != "0x0000");
        Ok(match (on, run.trace.meta["kernel"].as_str().is_some_and(|release| release.starts_with("6.1."))) {
            (false, _) => Self::Classic,
            (true, true) => Self::MglruUncounted,
            (true, false) => Self::Mglru,
        })
    }

    /// Allowed range of our count, in percent of the kernel's: from, to.
    fn share(self, what: &str) -> (u64, u64) {
        match (self, what) {
            // The classic event is not emitted for a round in which nothing could be isolated.
            (Self::Classic, _) => (95, 101),
            (_, "reclaimed") => (80, 101),
            // The event has the same pages again for each retry: twice the counter's value was seen on 7.2.
            _ => (80, 1000),
        }
    }
}

/// Pages scanned and reclaimed, by all and by kswapd, agree with `/proc/vmstat`.
pub(super) fn scans(run: &Run<'_>) -> Result<String, String> {
    let lists = Lists::of(run)?;
    let mut figures = Vec::new();
    for (what, field, counter) in [("scanned", "scanned_pages", "pgscan"), ("reclaimed", "reclaimed_pages", "pgsteal")]
    {
        let all = run.grew(&format!("{counter}_anon"))? + run.grew(&format!("{counter}_file"))?;
        let kswapd = run.grew(&format!("{counter}_kswapd"))?;
        for (who, ours, kernel) in
            [("all", run.optional(&format!("/{field}"))?, all), ("kswapd", run.sum("nodes", field)?, kswapd)]
        {
            match (ours, lists) {
                (None, Lists::MglruUncounted) => {
                    figures.push(format!("{who} {what} null as it must (kernel {kernel})"));
                }
                // The events of stalls have this number, those of kswapd do not.
                (Some(ours), Lists::MglruUncounted) if (who, what) == ("all", "reclaimed") && ours <= kernel => {
                    figures.push(format!("{who} {what} at least {ours} of {kernel}"));
                }
                (Some(ours), Lists::MglruUncounted) => {
                    return Err(format!(
                        "{who} {what} {ours} where no event reports it (kernel {kernel}): should be null"
                    ));
                }
                (None, _) => return Err(format!("{who} {what} is null, and the kernel counted {kernel}")),
                (Some(ours), _) => {
                    let (from, to) = lists.share(what);
                    if ours * 100 < kernel * from || ours * 100 > kernel * to {
                        return Err(format!("{who} {what} {ours} is not {from}-{to} % of the kernel's {kernel}"));
                    }
                    figures.push(format!("{who} {what} {ours} of {kernel}"));
                }
            }
        }
    }
    Ok(figures.join(", "))
}

/// All checks of stalls, for a storm of global direct reclaim.
pub(super) fn direct(run: &Run<'_>, loads: &str) -> Vec<Check> {
    vec![
        Check::of("load", run.loads(loads).map(|()| format!("memload ended as it should: {loads}"))),
        Check::of("stalls", counted(run, "direct")),
        Check::of("allocstall", allocstall(run)),
        Check::of("shapes", shapes(run, "direct")),
        Check::of("scans", scans(run)),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
fn ratio(ours: u64, kernel: u64) -> f64 {
    ours as f64 / kernel as f64
}

#[expect(clippy::cast_precision_loss, reason = "a mean for people")]
fn milliseconds(total_ns: u64, count: u64) -> f64 {
    total_ns as f64 / count as f64 / 1e6
}
