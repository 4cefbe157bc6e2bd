//! The object of the kernel side, with its maps made and no program of it loaded.

use std::thread;

use aya::{Btf, Ebpf, EbpfLoader};
use memtrace_common::{
    eviction::{MAX_EVICTED, MAX_EVICTING},
    kind::StallKind,
    stack::{MAX_COUNTS, MAX_STACKS},
};

use super::{
    describe::chain,
    error::LoadError,
    facts::KernelFacts,
    kernel_log,
    options::{AttachWith, LoadOptions},
    pod::Raw,
};

/// The kernel side; empty when the build left it out.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/memtrace-ebpf"));

/// The open object, and what it takes to load its programs.
pub(super) struct Opened {
    /// The programs and maps.
    pub(super) ebpf: Ebpf,
    /// The kernel's events and structs.
    pub(super) facts: KernelFacts,
    /// The kernel's BTF, which typed programs are checked against, or why there is none.
    pub(super) btf: Result<Btf, String>,
}

/// Opens the object. The kernel's BTF, several megabytes, is parsed three times: by the loader, which relocates by it; once
/// more by aya, since the loader does not hand it out; and by ourselves for what aya does not expose. Each on a thread of
/// its own.
pub(super) fn open(options: &LoadOptions<'_>) -> Result<Opened, LoadError> {
    if OBJECT.is_empty() {
        return Err(LoadError::NotBuilt);
    }
    let is_typed = options.attach_with == AttachWith::All;
    let (facts, mut loader, btf) = thread::scope(|scope| {
        let loader = scope.spawn(EbpfLoader::new);
        let btf = is_typed.then(|| scope.spawn(|| Btf::from_sys_fs().map_err(|e| chain(&e))));
        let facts = KernelFacts::read(options.tracefs, options.attach_with);
        let btf = btf.map(|btf| btf.join().unwrap_or_else(|_| Err("reading it failed".to_owned())));
        (facts, loader.join().unwrap_or_else(|_| EbpfLoader::new()), btf)
    });
    let btf = match btf {
        None => Err("not asked for".to_owned()),
        Some(btf) => facts.btf.clone().and(btf),
    };
    let config = Raw(facts.config(options));
    // As aya-log comes it writes all levels, into 128 KiB.
    let (level, log_bytes) = match options.kernel_log {
        true => (kernel_log::LEVEL, kernel_log::RING_BYTES),
        false => (0, u32::try_from(rustix::param::page_size()).unwrap_or(4096)),
    };
    let ebpf = loader
        .override_global("CONFIG", &config, true)
        .override_global(aya_log::LEVEL, &level, true)
        .map_max_entries("RING", options.ring_bytes)
        .map_max_entries("AYA_LOGS", log_bytes)
        .map_max_entries("STACK_ROOM", if options.stacks { StallKind::COUNT as u32 } else { 1 })
        .map_max_entries("EVICTED", if options.evictors { MAX_EVICTED } else { 1 })
        .map_max_entries("EVICTIONS", if options.evictors { MAX_EVICTING } else { 1 })
        .map_max_entries("STACKS", if options.stacks { MAX_STACKS } else { 1 })
        .map_max_entries("STACK_COUNTS", if options.stacks { MAX_COUNTS } else { 1 })
        .load(OBJECT)
        .map_err(|e| LoadError::Refused(chain(&e)))?;
    Ok(Opened { ebpf, facts, btf })
}
