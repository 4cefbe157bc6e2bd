//! Facts about the running kernel's events and structs.

use std::{fs, path::Path, time::Duration};

use memtrace_common::{
    config::{CompactMembers, Config, EventFields, TaskMembers, cgroup_source},
    eviction::EvictionLayout,
    field::MemberOffset,
    oom::OomMembers,
    refault::RefaultLayout,
    totals::MAX_NODES,
    zone::ZoneLayout,
};

use super::{
    btf::Btf,
    gfp, layout,
    options::{AttachWith, LoadOptions, MemoryHierarchy},
    totals::Counted,
    zones::{self, Watched},
};
use memtrace_core::{
    hook::{
        Attached, HookId, HookSet, HookStatus,
        catalog::{Hook, counts},
    },
    units::duration::nanoseconds,
    untrusted::Text,
};

const LOCKDOWN: &str = "/sys/kernel/security/lockdown";

/// Facts about the running kernel's events and structs.
pub(super) struct KernelFacts {
    args: EventFields,
    record: EventFields,
    task: TaskMembers,
    refault: RefaultLayout,
    compact: CompactMembers,
    shrinker_function: MemberOffset,
    oom: OomMembers,
    pub(super) eviction: EvictionLayout,
    zones: ZoneLayout,
    /// The zones of `zones`, in that order.
    watched: Vec<Watched>,
    /// All zones that hold pages.
    all_zones: Vec<Watched>,
    attach_with: AttachWith,
    pub(super) gfp_names: Vec<(u32, Text)>,
    /// `Ok` when BTF was read, else the reason why not.
    pub(super) btf: Result<(), String>,
    /// True when programs may read kernel memory whose type the verifier does not know.
    is_readable: bool,
}

impl KernelFacts {
    /// Reads the facts: the fields of records from the `format` files, all else from the kernel's BTF. `btf` is the
    /// reason when there is none.
    pub(super) fn read(tracefs: Option<&Path>, attach_with: AttachWith, btf: Result<&[u8], &String>) -> Self {
        let format = |group: &str, event: &str| {
            fs::read_to_string(tracefs?.join("events").join(group).join(event).join("format")).ok()
        };
        let mut facts = Self {
            args: EventFields::UNREAD,
            record: layout::records(format),
            task: TaskMembers::UNREAD,
            refault: RefaultLayout::UNREAD,
            compact: CompactMembers::UNREAD,
            shrinker_function: MemberOffset::UNREAD,
            oom: OomMembers::UNREAD,
            eviction: EvictionLayout::UNREAD,
            zones: ZoneLayout::UNREAD,
            watched: Vec::new(),
            all_zones: fs::read_to_string(zones::PATH).map(|text| zones::of(&text)).unwrap_or_default(),
            attach_with,
            gfp_names: Vec::new(),
            btf: Ok(()),
            is_readable: !fs::read_to_string(LOCKDOWN).is_ok_and(|text| text.contains("[confidentiality]")),
        };
        let wanted = |name: &[u8]| layout::is_wanted(name) || name == gfp::FIRST_BIT;
        match btf.map_err(Clone::clone).and_then(|bytes| Btf::parse(bytes, wanted).map_err(|e| e.to_string())) {
            Ok(btf) => {
                facts.args = layout::arguments(&btf);
                facts.task = layout::task_members(&btf);
                facts.refault = layout::refault_layout(&btf);
                facts.compact = layout::compact_members(&btf);
                facts.shrinker_function = layout::shrinker_function(&btf);
                facts.oom = layout::oom_members(&btf);
                facts.eviction = layout::eviction_layout(&btf);
                facts.watched = zones::watched(&facts.all_zones);
                facts.zones = zones::layout(zones::of_btf(&btf), &facts.watched);
                facts.gfp_names = gfp::from_btf(&btf);
            }
            Err(why) => facts.btf = Err(why),
        }
        if facts.gfp_names.is_empty()
            && let Some(format) = format("vmscan", "mm_vmscan_direct_reclaim_begin")
        {
            facts.gfp_names = gfp::from_print_format(&format);
        }
        facts
    }

    pub(super) fn config(&self, options: &LoadOptions<'_>) -> Config {
        let walk = self.task.memory_css.offset().is_some() && self.task.kn_id.offset().is_some();
        Config {
            self_tgid: options.self_tgid,
            wake_bytes: options.ring_bytes / 2,
            page_shift: rustix::param::page_size().trailing_zeros(),
            cgroup_source: match options.hierarchy {
                MemoryHierarchy::None => cgroup_source::NONE,
                _ if walk => cgroup_source::WALK,
                MemoryHierarchy::V2 => cgroup_source::HELPER,
                MemoryHierarchy::V1 => cgroup_source::NONE,
            },
            stacks: u32::from(options.stacks),
            off_cpu: u32::from(options.off_cpu),
            kernel_log: u32::from(options.kernel_log),
            args: self.args,
            record: self.record,
            task: match options.psi {
                true => self.task,
                false => TaskMembers { memstall: MemberOffset::UNREAD, memstall_mask: 0, ..self.task },
            },
            refault: self.refault,
            compact: self.compact,
            shrinker_function: self.shrinker_function,
            oom: self.oom,
            zones: self.zone_layout(),
            eviction: self.eviction,
        }
    }

    /// Layout of nodes and zones, for the selected ways to attach.
    fn zone_layout(&self) -> ZoneLayout {
        match self.attach_with {
            // Otherwise the begin of direct reclaim would be refused with them.
            AttachWith::All if self.is_readable => self.zones,
            AttachWith::All | AttachWith::ClassicOnly => ZoneLayout::UNREAD,
        }
    }

    /// Status of the reading of zones when a direct reclaim begins.
    pub(super) fn zones_status(&self) -> HookStatus {
        let btf = match self.attach_with {
            AttachWith::All if !self.is_readable => Err("the kernel is locked down (confidentiality)".to_owned()),
            AttachWith::All => self.btf.clone(),
            AttachWith::ClassicOnly => Err("not read without BTF".to_owned()),
        };
        zones::status(&self.zone_layout(), btf)
    }

    /// Marks kswapd's failures as read from memory where no event reports them: the kernel side reads their number.
    pub(super) fn read_failures_instead(&self, hook: &mut HookStatus) {
        let layout = self.zone_layout();
        let is_event = self.args.kswapd_fail.nid.is_read();
        if hook.id == HookId::Failures && !is_event && zones::are_known(&layout) && layout.failures.offset().is_some() {
            hook.attached = Attached::Memory;
        }
    }

    /// The parts of the totals that these hooks count.
    pub(super) fn counted(&self, hooks: &[HookStatus], attached: HookSet) -> Counted {
        let mut nodes: Vec<_> = self.all_zones.iter().map(|zone| zone.nid).filter(|nid| *nid < MAX_NODES).collect();
        nodes.dedup();
        Counted {
            zones: (self.zone_layout().count > 0).then(|| self.watched.clone()),
            nodes: if attached.has(HookId::ShrinkInactive) { nodes } else { Vec::new() },
            // When they are read from the kernel's memory, no event reports them.
            failures_reported: attached.has(HookId::Failures)
                && !hooks.iter().any(|hook| hook.id == HookId::Failures && hook.attached == Attached::Memory),
            proactive: attached.has(HookId::Proactive),
            off_cpu: attached.has(HookId::OffCpu),
            counts: counts(attached).collect(),
        }
    }

    /// Status of a hook on this kernel.
    pub(super) fn status(
        &self,
        hook: &Hook,
        attached: Attached,
        verified_instructions: Option<u32>,
        took: Duration,
    ) -> HookStatus {
        let unread = match attached {
            Attached::RawTracepoint | Attached::BtfTracepoint => hook.unread(&self.args),
            Attached::Tracepoint => hook.unread(&self.record),
            _ => Vec::new(),
        };
        HookStatus {
            id: hook.id,
            name: hook.name,
            gives: hook.gives,
            without: hook.without,
            required: hook.required,
            kind: hook.kind,
            attached,
            unread,
            verified_instructions,
            took_ns: nanoseconds(took),
        }
    }
}
