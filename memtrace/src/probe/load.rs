//! Loading the kernel side and attaching its hooks, each in the first way that this kernel takes.

use std::{fs, path::Path};

use aya::{
    Btf as AyaBtf, Ebpf, EbpfLoader,
    maps::{Array, MapData, PerCpuArray, RingBuf},
    programs::{BtfTracePoint, ProgramError, TracePoint, trace_point::TracePointError},
};
use memtrace_common::config::{Config, EventFields, cgroup_source};

use super::{
    btf::Btf,
    drain::Totals,
    gfp,
    hooks::{HOOKS, Hook},
    places,
    pod::Raw,
    stalled::{self, AlreadyStalled},
};
use crate::hook::{Attached, HookStatus};

const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

/// Where the memory controller is, which decides how a task's cgroup is found without BTF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryHierarchy {
    /// In the unified hierarchy.
    V2,
    /// In a hierarchy of its own.
    V1,
    /// Nowhere.
    None,
}

/// What the caller decides.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Size of the ring buffer in bytes: a power of two, at least a page.
    pub ring_bytes: u32,
    /// memtrace's own process id.
    pub self_tgid: u32,
    /// Where the memory controller is.
    pub hierarchy: MemoryHierarchy,
    /// Where tracefs is mounted.
    pub tracefs: Option<&'a Path>,
}

/// Why nothing could be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The kernel takes no map or no program of ours at all.
    #[error("the kernel refused the BPF maps or programs: {0}")]
    Refused(String),
    /// No hook could be attached; the reasons are in the table.
    #[error("none of the hooks that memtrace needs could be attached")]
    NothingAttached(Vec<HookStatus>),
}

/// The attached kernel side. Dropping it detaches everything; so does the kernel when the process ends in any way.
pub struct Probe {
    /// Each hook on this kernel.
    pub hooks: Vec<HookStatus>,
    /// Bit and name of each allocation flag of this kernel.
    pub gfp_names: Vec<(u32, String)>,
    /// Tasks already stalled at attach, or why they could not be listed.
    pub already_stalled: Result<Vec<AlreadyStalled>, String>,
    /// The records.
    pub ring: RingBuf<MapData>,
    /// The exact totals.
    pub totals: Totals,
    ebpf: Ebpf,
}

/// What the running kernel says of its events and structs.
struct KernelFacts {
    args: EventFields,
    record: EventFields,
    task: memtrace_common::config::TaskMembers,
    gfp_names: Vec<(u32, String)>,
    btf: Result<(), String>,
}

impl KernelFacts {
    fn read(tracefs: Option<&Path>) -> Self {
        let format = |group: &str, event: &str| {
            fs::read_to_string(tracefs?.join("events").join(group).join(event).join("format")).ok()
        };
        let mut facts = Self {
            args: EventFields::UNREAD,
            record: places::records(format),
            task: memtrace_common::config::TaskMembers::UNREAD,
            gfp_names: Vec::new(),
            btf: Ok(()),
        };
        let wanted = |name: &[u8]| places::is_wanted(name) || name == gfp::FIRST_BIT;
        let bytes = fs::read(KERNEL_BTF).map_err(|e| format!("{KERNEL_BTF}: {e}"));
        match bytes.as_deref().map_err(Clone::clone).and_then(|b| Btf::parse(b, wanted).map_err(|e| e.to_string())) {
            Ok(btf) => {
                facts.args = places::arguments(&btf);
                facts.task = places::task_members(&btf);
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

    fn config(&self, options: &Options<'_>) -> Config {
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
            args: self.args,
            record: self.record,
            task: self.task,
        }
    }
}

/// Loads the kernel side and attaches what can be attached.
///
/// # Errors
/// When the kernel takes nothing of it, with the reasons.
pub fn start(options: &Options<'_>) -> Result<Probe, LoadError> {
    let facts = KernelFacts::read(options.tracefs);
    let config = Raw(facts.config(options));
    let refused = |e: &dyn std::error::Error| LoadError::Refused(chain(e));
    let mut ebpf = EbpfLoader::new()
        .override_global("CONFIG", &config, true)
        .map_max_entries("RING", options.ring_bytes)
        .load(aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/memtrace-ebpf")))
        .map_err(|e| refused(&e))?;
    let btf = facts.btf.and_then(|()| AyaBtf::from_sys_fs().map_err(|e| chain(&e)));
    let mut hooks: Vec<HookStatus> = Vec::with_capacity(HOOKS.len());
    for hook in &HOOKS {
        let status = attach(&mut ebpf, hook, &btf, &facts.args, &facts.record, &hooks);
        hooks.push(status);
    }
    if !hooks.iter().any(|hook| hook.required && hook.attached.name().is_some()) {
        return Err(LoadError::NothingAttached(hooks));
    }
    let already_stalled = btf.and_then(|btf| stalled::list(&mut ebpf, &btf));
    let totals = Totals {
        stalls: PerCpuArray::try_from(take(&mut ebpf, "STALLS")?).map_err(|e| refused(&e))?,
        kswapd: Array::try_from(take(&mut ebpf, "KSWAPD")?).map_err(|e| refused(&e))?,
        other_shrinks: PerCpuArray::try_from(take(&mut ebpf, "OTHER_SHRINKS")?).map_err(|e| refused(&e))?,
        loss: PerCpuArray::try_from(take(&mut ebpf, "LOSS")?).map_err(|e| refused(&e))?,
    };
    let ring = RingBuf::try_from(take(&mut ebpf, "RING")?).map_err(|e| refused(&e))?;
    Ok(Probe { hooks, gfp_names: facts.gfp_names, already_stalled, ring, totals, ebpf })
}

fn take(ebpf: &mut Ebpf, map: &str) -> Result<aya::maps::Map, LoadError> {
    ebpf.take_map(map).ok_or_else(|| LoadError::Refused(format!("the object has no map {map}")))
}

/// Attaches one hook: as a BTF tracepoint, else as a classic one.
fn attach(
    ebpf: &mut Ebpf,
    hook: &Hook,
    btf: &Result<AyaBtf, String>,
    args: &EventFields,
    record: &EventFields,
    before: &[HookStatus],
) -> HookStatus {
    let status = |attached, unread| HookStatus {
        name: hook.name,
        gives: hook.gives,
        without: hook.without,
        required: hook.required,
        attached,
        unread,
    };
    let end = HOOKS.iter().zip(before).find(|(other, _)| Some(other.program) == hook.end);
    if let Some((end, _)) = end.filter(|(_, status)| status.attached.name().is_none()) {
        return status(Attached::No(format!("its end, {}, could not be attached", end.event)), Vec::new());
    }
    let (attached, fields) = match btf.as_ref().map_err(Clone::clone).and_then(|btf| attach_btf(ebpf, hook, btf)) {
        Ok(()) => (Attached::BtfTracepoint, args),
        Err(why_btf) => match attach_classic(ebpf, hook) {
            Ok(()) => (Attached::Tracepoint, record),
            Err(why) => (Attached::No(reasons(&why_btf, &why)), record),
        },
    };
    let unread = if attached.name().is_some() { hook.unread(fields) } else { Vec::new() };
    status(attached, unread)
}

fn attach_btf(ebpf: &mut Ebpf, hook: &Hook, btf: &AyaBtf) -> Result<(), String> {
    let program = ebpf.program_mut(hook.program).ok_or("not in the object")?;
    let program: &mut BtfTracePoint = program.try_into().map_err(|e: ProgramError| in_words(&e))?;
    program.load(hook.event, btf).map_err(|e| in_words(&e))?;
    program.attach().map(drop).map_err(|e| in_words(&e))
}

fn attach_classic(ebpf: &mut Ebpf, hook: &Hook) -> Result<(), String> {
    let program = ebpf.program_mut(&format!("{}_tp", hook.program)).ok_or("not in the object")?;
    let program: &mut TracePoint = program.try_into().map_err(|e: ProgramError| in_words(&e))?;
    program.load().map_err(|e| in_words(&e))?;
    program.attach(hook.group, hook.event).map(drop).map_err(|e| in_words(&e))
}

/// Both reasons, or one when they say the same.
fn reasons(btf: &str, classic: &str) -> String {
    if btf == classic { btf.to_owned() } else { format!("BTF tracepoint: {btf}; classic tracepoint: {classic}") }
}

/// A failure of aya in the words of a user: what the errno means here, and the end of the verifier's log if it spoke.
pub(super) fn in_words(error: &ProgramError) -> String {
    match error {
        ProgramError::TracePointError(TracePointError::FileError { io_error, .. })
            if io_error.kind() == std::io::ErrorKind::NotFound =>
        {
            "this kernel has no such event, or tracefs is not mounted".to_owned()
        }
        ProgramError::Btf(aya::BtfError::UnknownBtfTypeName { .. }) => "this kernel has no such event".to_owned(),
        ProgramError::LoadError { io_error, verifier_log } => {
            let log = verifier_log.to_string();
            match (io_error.raw_os_error(), log.trim()) {
                (Some(libc::EPERM), "") => "refused by the kernel (EPERM): a missing right, or policy".to_owned(),
                (_, "") => format!("refused by the kernel: {io_error}"),
                (_, log) => {
                    format!("refused by the verifier: {}", complaint(log))
                }
            }
        }
        other => chain(other),
    }
}

/// The line of a verifier log that tells what was wrong: the last one before the statistics.
fn complaint(log: &str) -> &str {
    let statistics = ["processed ", "stack depth ", "verification time "];
    log.lines().rev().find(|line| !statistics.iter().any(|word| line.starts_with(word))).unwrap_or(log)
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

impl Probe {
    /// Names and file descriptors' numbers of the attached programs, to read their statistics by.
    pub fn program_names(&self) -> impl Iterator<Item = &str> {
        self.ebpf.programs().map(|(name, _)| name)
    }
}
