//! Finds the places that the programs read, in BTF and tracefs of the running kernel.

use memtrace_common::{
    config::{BeginFields, CompactMembers, EventFields, FailFields, SwitchFields, TaskMembers, VictimFields},
    eviction::EvictionLayout,
    field::{ArgSource, MemberOffset},
    oom::OomMembers,
    refault::RefaultLayout,
};

use super::btf::Btf;
use memtrace_core::hook::{
    catalog::HOOKS,
    functions::{COMPACTION, PFMEMALLOC},
};
use memtrace_core::tracefs_format::Format;

/// True for the names of types and functions that this module looks up in BTF.
#[must_use]
pub fn is_wanted(name: &[u8]) -> bool {
    const TYPES: [&[u8]; 29] = [
        b"task_struct",
        b"signal_struct",
        b"sched_entity",
        b"mm_struct",
        b"css_set",
        b"cgroup_subsys_state",
        b"cgroup",
        b"kernfs_node",
        b"cgroup_subsys_id",
        b"bpf_func_id",
        b"folio",
        b"page",
        b"mem_cgroup",
        b"pageflags",
        b"node_stat_item",
        b"compact_control",
        b"shrinker",
        b"oom_control",
        b"kthread",
        b"pglist_data",
        b"zone",
        b"zone_stat_item",
        b"address_space",
        b"inode",
        b"super_block",
        b"dentry",
        b"qstr",
        PFMEMALLOC.name.as_bytes(),
        COMPACTION.name.as_bytes(),
    ];
    name.strip_prefix(TRACEITER.as_bytes())
        .is_some_and(|event| TYPED_EVENTS.into_iter().chain(events().map(|(_, e)| e)).any(|e| e.as_bytes() == event))
        || TYPES.contains(&name)
}

/// Prefix of the function behind a tracepoint, whose parameters BTF names (the typedef that raw arguments are checked
/// against has the same parameters without names).
const TRACEITER: &str = "__traceiter_";

/// The event of every change of a memory cgroup's counters.
pub const LRUVEC_STATE: &str = "mod_memcg_lruvec_state";

/// The event of a round in which kswapd reclaimed nothing (7.2, not 6.18; `include/trace/events/vmscan.h`).
pub const FAILURE: &str = "mm_vmscan_kswapd_reclaim_fail";

/// The event of a reset of a node's failures, likewise.
pub const CLEARED: &str = "mm_vmscan_kswapd_clear_hopeless";

/// Events that are read by their raw arguments only.
const TYPED_EVENTS: [&str; 3] = [LRUVEC_STATE, FAILURE, CLEARED];

/// The event of a victim: its record and its raw arguments have different values.
const VICTIM: &str = "mark_victim";

/// The event of the hook on switches, which is in the list of functions and so not in [`HOOKS`].
const SWITCH: (&str, &str) = ("sched", "sched_switch");

/// Events that are read, each with its group.
fn events() -> impl Iterator<Item = (&'static str, &'static str)> {
    let read = HOOKS.iter().filter(|hook| !hook.values.is_empty() || hook.event == VICTIM);
    read.map(|hook| (hook.group, hook.event)).chain([SWITCH])
}

/// Indices of raw arguments, by the names of the parameters.
#[must_use]
pub fn arguments(btf: &Btf<'_>) -> EventFields {
    let place = |event: &str, name: &str| parameter(btf, event, name);
    let victim = |name: &str| place(VICTIM, name);
    let victim = VictimFields { pid: victim("pid"), task: victim("task"), ..VictimFields::default() };
    let begin = |function: &str| {
        let place = |name: &str| btf.parameters(function).map_or(ArgSource::UNREAD, |all| named(btf, &all, name));
        BeginFields { order: place("order"), gfp: place("gfp_mask"), nid: ArgSource::UNREAD }
    };
    EventFields {
        pfmemalloc_begin: begin(PFMEMALLOC.name),
        compaction_begin: begin(COMPACTION.name),
        shrinker: place("mm_shrink_slab_start", "shr"),
        kswapd_fail: FailFields { nid: place(FAILURE, "nid"), failures: place(FAILURE, "failures") },
        kswapd_clear: place(CLEARED, "nid"),
        ..fields(place, victim)
    }
}

/// The index of an event's raw argument.
fn parameter(btf: &Btf<'_>, event: &str, name: &str) -> ArgSource {
    let Some(parameters) = btf.parameters(&format!("{TRACEITER}{event}")) else { return ArgSource::UNREAD };
    // The first parameter is the tracepoint's private data; programs do not see it.
    named(btf, parameters.get(1..).unwrap_or_default(), name)
}

/// The index of the parameter with this name.
fn named(btf: &Btf<'_>, parameters: &[(&[u8], usize)], name: &str) -> ArgSource {
    let Some(at) = parameters.iter().position(|(n, _)| *n == name.as_bytes()) else { return ArgSource::UNREAD };
    match (u16::try_from(at), btf.size_of(parameters[at].1)) {
        (Ok(at), Some(size @ 1..=8)) => ArgSource { at, size: size as u16 },
        _ => ArgSource::UNREAD,
    }
}

/// Places of the fields in the records of classic tracepoints; `format` returns the text of an event's `format` file.
#[must_use]
pub fn records(format: impl Fn(&str, &str) -> Option<String>) -> EventFields {
    let formats: Vec<(&str, Format)> =
        events().filter_map(|(group, event)| Some((event, Format::parse(&format(group, event)?)))).collect();
    let place = |event: &str, name: &str| -> ArgSource {
        formats.iter().find(|(e, _)| *e == event).map_or(ArgSource::UNREAD, |(_, format)| format.field(name))
    };
    let victim = |name: &str| place(VICTIM, name);
    let victim = VictimFields {
        pid: victim("pid"),
        task: ArgSource::UNREAD,
        comm: victim("comm"),
        anon_rss: victim("anon_rss"),
        file_rss: victim("file_rss"),
        shmem_rss: victim("shmem_rss"),
        oom_score_adj: victim("oom_score_adj"),
    };
    fields(place, victim)
}

/// The places of the values of all events. Parameters and fields of a record have the same names, except the victim's
/// and those that [`arguments`] replaces.
fn fields(place: impl Fn(&str, &str) -> ArgSource, victim: VictimFields) -> EventFields {
    let switch = SwitchFields { task: place(SWITCH.1, "next"), pid: place(SWITCH.1, "next_pid") };
    let mut fields = EventFields { victim, switch, ..EventFields::UNREAD };
    for hook in HOOKS {
        for (name, of) in hook.values {
            *of(&mut fields) = place(hook.event, name);
        }
    }
    fields
}

/// Offsets of the members that the programs follow from a task.
#[must_use]
pub fn task_members(btf: &Btf<'_>) -> TaskMembers {
    let member = |name: &str, member: &str| -> MemberOffset {
        btf.member(name, member).map_or(MemberOffset::UNREAD, |place| MemberOffset(place.bits / 8))
    };
    let (rss_stat, rss_stride) = resident_counters(btf).unwrap_or((MemberOffset::UNREAD, MemberOffset::UNREAD));
    let memstall = btf.member("task_struct", "in_memstall");
    TaskMembers {
        tgid: member("task_struct", "tgid"),
        pid: member("task_struct", "pid"),
        comm: member("task_struct", "comm"),
        flags: member("task_struct", "flags"),
        group_leader: member("task_struct", "group_leader"),
        start_time: member("task_struct", "start_time"),
        mm: member("task_struct", "mm"),
        signal: member("task_struct", "signal"),
        cgroups: member("task_struct", "cgroups"),
        oom_score_adj: member("signal_struct", "oom_score_adj"),
        rss_stat,
        rss_stride,
        switches: member("task_struct", "nvcsw"),
        ran: ran(btf).unwrap_or(MemberOffset::UNREAD),
        over_high: member("task_struct", "memcg_nr_pages_over_high"),
        memory_css: memory_css(btf).unwrap_or(MemberOffset::UNREAD),
        css_cgroup: member("cgroup_subsys_state", "cgroup"),
        cgroup_kn: member("cgroup", "kn"),
        kn_id: member("kernfs_node", "id"),
        memstall: memstall.map_or(MemberOffset::UNREAD, |place| MemberOffset(place.bits / 8)),
        memstall_mask: memstall.map_or(0, |place| 1 << (place.bits % 8)),
        typed: u32::from(btf.constant("bpf_func_id", "BPF_FUNC_get_current_task_btf").is_some()),
    }
}

/// `task_struct.se.sum_exec_runtime`.
fn ran(btf: &Btf<'_>) -> Option<MemberOffset> {
    let entity = btf.member("task_struct", "se")?;
    let ran = btf.member_of(entity.type_id, "sum_exec_runtime")?;
    Some(MemberOffset(entity.bits.checked_add(ran.bits)? / 8))
}

/// Members of `compact_control`.
#[must_use]
pub fn compact_members(btf: &Btf<'_>) -> CompactMembers {
    let member = |member: &str| {
        btf.member("compact_control", member).map_or(MemberOffset::UNREAD, |place| MemberOffset(place.bits / 8))
    };
    CompactMembers { order: member("order"), gfp: member("gfp_mask"), direct: member("direct_compaction") }
}

/// `shrinker.scan_objects`, the function that frees objects.
#[must_use]
pub fn shrinker_function(btf: &Btf<'_>) -> MemberOffset {
    btf.member("shrinker", "scan_objects").map_or(MemberOffset::UNREAD, |place| MemberOffset(place.bits / 8))
}

/// Members of `oom_control`.
#[must_use]
pub fn oom_members(btf: &Btf<'_>) -> OomMembers {
    let member = |member: &str| {
        btf.member("oom_control", member).map_or(MemberOffset::UNREAD, |place| MemberOffset(place.bits / 8))
    };
    OomMembers {
        memcg: member("memcg"),
        gfp: member("gfp_mask"),
        order: member("order"),
        total_pages: member("totalpages"),
        chosen: member("chosen"),
        points: member("chosen_points"),
        constraint: member("constraint"),
    }
}

/// Members on the way from a page to its file.
#[must_use]
pub fn eviction_layout(btf: &Btf<'_>) -> EvictionLayout {
    let bytes = |name: &str, member: &str| btf.member(name, member).map(|place| place.bits / 8);
    let member = |name: &str, member: &str| bytes(name, member).map_or(MemberOffset::UNREAD, MemberOffset);
    let in_folio = |member: &str| bytes("folio", member).or_else(|| bytes("page", member));
    // It is in a union of `struct dentry` (`include/linux/dcache.h`), which has a name of its own on 6.18, none on 7.2.
    let alias = || {
        let in_union = btf.member("dentry", "d_u")?;
        Some(in_union.bits.checked_add(btf.member_of(in_union.type_id, "d_alias")?.bits)? / 8)
    };
    let name_before = || {
        let alias = bytes("dentry", "d_alias").or_else(alias)?;
        alias.checked_sub(bytes("dentry", "d_name")?.checked_add(bytes("qstr", "name")?)?)
    };
    EvictionLayout {
        mapping: in_folio("mapping").map_or(MemberOffset::UNREAD, MemberOffset),
        index: in_folio("index").map_or(MemberOffset::UNREAD, MemberOffset),
        host: member("address_space", "host"),
        ino: member("inode", "i_ino"),
        sb: member("inode", "i_sb"),
        dev: member("super_block", "s_dev"),
        alias: member("inode", "i_dentry"),
        slot: in_folio("private").map_or(MemberOffset::UNREAD, MemberOffset),
        memcg: in_folio("memcg_data")
            .or_else(|| bytes("page", "mem_cgroup"))
            .map_or(MemberOffset::UNREAD, MemberOffset),
        name_before: name_before().map_or(MemberOffset::UNREAD, MemberOffset),
    }
}

/// Layout for the classification of a refault: the flags of a folio (a page before 5.16: 0995d7e56814, mm/workingset:
/// Convert workingset_refault() to take a folio), and the items of the counters.
#[must_use]
pub fn refault_layout(btf: &Btf<'_>) -> RefaultLayout {
    let flag = |name: &str| btf.constant("pageflags", name).map_or(MemberOffset::UNREAD, MemberOffset);
    let in_folio = |member: &str| btf.member("folio", member).map(|place| MemberOffset(place.bits / 8));
    let in_page = |member: &str| btf.member("page", member).map(|place| MemberOffset(place.bits / 8));
    let second_page = |place: MemberOffset| Some(MemberOffset(place.0.checked_add(btf.struct_size("page")?)?));
    RefaultLayout {
        first_item: first_refault_item(btf).unwrap_or(u32::MAX),
        value: parameter(btf, LRUVEC_STATE, "val"),
        flags: in_folio("flags").or_else(|| in_page("flags")).unwrap_or(MemberOffset::UNREAD),
        swapbacked: flag("PG_swapbacked"),
        active: flag("PG_active"),
        workingset: flag("PG_workingset"),
        head: flag("PG_head"),
        nr_pages: in_folio("_nr_pages")
            .or_else(|| in_folio("_folio_nr_pages"))
            .or_else(|| in_page("compound_nr").and_then(second_page))
            .unwrap_or(MemberOffset::UNREAD),
        memcg_css: btf.member("mem_cgroup", "css").map_or(MemberOffset::UNREAD, |place| MemberOffset(place.bits / 8)),
    }
}

/// The first of the six refault items; `None` unless they follow each other in the order that the kernel side assumes.
fn first_refault_item(btf: &Btf<'_>) -> Option<u32> {
    let item = |name: &str| btf.constant("node_stat_item", &format!("WORKINGSET_{name}"));
    let first = item("REFAULT_ANON")?;
    let rest = ["REFAULT_FILE", "ACTIVATE_ANON", "ACTIVATE_FILE", "RESTORE_ANON", "RESTORE_FILE"];
    (first.checked_add(1)?..).zip(rest).all(|(want, name)| item(name) == Some(want)).then_some(first)
}

/// `css_set.subsys[memory_cgrp_id]`: the index depends on the kernel's configuration.
fn memory_css(btf: &Btf<'_>) -> Option<MemberOffset> {
    let subsys = btf.member("css_set", "subsys")?;
    let memory = btf.constant("cgroup_subsys_id", "memory_cgrp_id")?;
    Some(MemberOffset((subsys.bits / 8).checked_add(memory.checked_mul(8)?)?))
}

/// The first counter of `mm_struct.rss_stat` and the distance to the next: an array of `percpu_counter` since 6.2
/// (f1a7941243c1, mm: convert mm's rss stats into percpu_counter), before that a struct with an array of plain
/// counters.
fn resident_counters(btf: &Btf<'_>) -> Option<(MemberOffset, MemberOffset)> {
    let rss_stat = btf.member("mm_struct", "rss_stat")?;
    let (counters, element) = match btf.element(rss_stat.type_id) {
        Some(element) => (rss_stat.bits, element),
        None => {
            let count = btf.member_of(rss_stat.type_id, "count")?;
            (rss_stat.bits.checked_add(count.bits)?, btf.element(count.type_id)?)
        }
    };
    let value = btf.member_of(element, "count").map_or(0, |count| count.bits);
    Some((MemberOffset(counters.checked_add(value)? / 8), MemberOffset(btf.size_of(element)?)))
}
