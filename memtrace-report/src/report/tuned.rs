//! Tuned settings of the host: those that decide when tasks stall.

use std::collections::BTreeSet;

use crate::{document::Document, replay::Finished, text::bytes};
use memtrace_core::{
    session::filter::CgroupNames as _,
    untrusted::{Text, Untrusted},
};
use memtrace_trace::model::{CgroupLimits, HostFacts, Setting, SwapArea};

/// The sysctls that matter, without `vm.`, in the order in which they are shown.
const SYSCTLS: [&str; 16] = [
    "swappiness",
    "watermark_scale_factor",
    "watermark_boost_factor",
    "min_free_kbytes",
    "vfs_cache_pressure",
    "page-cluster",
    "zone_reclaim_mode",
    "overcommit_memory",
    "overcommit_ratio",
    "overcommit_kbytes",
    "dirty_ratio",
    "dirty_bytes",
    "dirty_background_ratio",
    "dirty_background_bytes",
    "dirty_expire_centisecs",
    "dirty_writeback_centisecs",
];

/// Pairs of sysctls for the same limit in two units. The one that is 0 is not in force.
const EITHER: [&str; 6] = [
    "overcommit_ratio",
    "overcommit_kbytes",
    "dirty_ratio",
    "dirty_bytes",
    "dirty_background_ratio",
    "dirty_background_bytes",
];

/// Adds the settings that are known.
pub(super) fn tuned(out: &mut Document, finished: &Finished, top: usize) {
    let host = &finished.meta.host;
    out.list("sysctls", sysctls(host));
    out.list("kernel", settings(host));
    if !host.kernel.is_empty() {
        let mut swap: Vec<_> = host.swap.iter().map(area).collect();
        if swap.is_empty() {
            swap.push("none".to_owned());
        }
        out.list("swap", swap);
    }
    for limits in limits(finished, top) {
        let set = limits.limits.iter().map(|limit| format!("{} {}", limit.name.tty(), limit_value(limit)));
        let set = set.collect::<Vec<_>>().join(", ");
        out.fact("limits", format!("{}: {set}", limits.path.tty()));
    }
}

/// A value, or a dash where it was not read.
fn value_or_dash(setting: &Setting) -> String {
    setting.value.as_ref().map_or_else(|| "-".to_owned(), |value| value.tty().to_string())
}

fn sysctls(host: &HostFacts) -> Vec<String> {
    let value = |name: &str| {
        let setting = host
            .sysctls
            .iter()
            .find(|setting| setting.name.borrowed().strip_prefix("vm.").is_some_and(|rest| rest.is(name)))?;
        Some(value_or_dash(setting))
    };
    let shown = |name: &&str| {
        let value = value(name)?;
        let holds = !(EITHER.contains(name) && value == "0");
        holds.then(|| format!("{name} {value}"))
    };
    SYSCTLS.iter().filter_map(shown).collect()
}

/// Settings of THP, MGLRU and zswap; for a choice, only the chosen value.
fn settings(host: &HostFacts) -> Vec<String> {
    let matters = |setting: &&Setting| {
        ["transparent_hugepage", "lru_gen", "zswap"].iter().any(|part| setting.name.borrowed().contains(part))
    };
    let shown = |setting: &Setting| {
        let chosen = |value: &Text| {
            let between = value.borrowed().split_once(b'[').and_then(|(_, rest)| rest.split_once(b']'));
            between.map(|(chosen, _)| chosen.tty().to_string())
        };
        let chosen = setting.value.as_ref().and_then(chosen);
        format!("{} {}", setting.name.tty(), chosen.unwrap_or_else(|| value_or_dash(setting)))
    };
    host.settings.iter().filter(matters).map(shown).collect()
}

fn area(area: &SwapArea) -> String {
    format!(
        "{} ({}, {}, {} used at the start, priority {})",
        area.name.tty(),
        area.kind.tty(),
        bytes(area.size_bytes),
        bytes(area.used_bytes),
        area.priority
    )
}

/// A number as bytes; the words of the kernel (`max`) as they are.
fn limit_value(limit: &Setting) -> String {
    let number = limit.value.as_ref().and_then(|value| value.borrowed().parse());
    number.map_or_else(|| value_or_dash(limit), bytes)
}

/// The limits of the cgroups in the tables and of those above them.
fn limits(finished: &Finished, top: usize) -> impl Iterator<Item = &CgroupLimits> {
    let summary = &finished.summary;
    let rows = summary.cgroups.rows.iter().take(top).filter_map(|row| row.cgroup_id);
    let victims = summary.ooms.iter().rev().take(top).filter_map(|oom| oom.victim.cgroup_id);
    let ids: BTreeSet<u64> = rows.chain(victims).collect();
    let paths: Vec<Vec<u8>> = ids.iter().filter_map(|id| Some(finished.paths.path(*id)?.to_vec())).collect();
    let is_of = move |limits: &&CgroupLimits| {
        let holds = |path: &Vec<u8>| Untrusted(path).is_path_below(limits.path.borrowed());
        ids.contains(&limits.id) || paths.iter().any(holds)
    };
    finished.meta.host.all_limits().filter(is_of)
}
