//! The object of the kernel side, with its maps created and none of its programs loaded.

use std::{
    fs,
    sync::mpsc::{Receiver, sync_channel},
    thread,
};

use aya::{Btf, Ebpf, EbpfLoader, Endianness};
use memtrace_common::{
    config::Config,
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

const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

/// The kernel side; empty when the build left it out.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/memtrace-ebpf"));

/// The open object, with all that is needed to load its programs.
pub(super) struct Opened {
    /// The programs and maps.
    pub(super) ebpf: Ebpf,
    /// Facts about the kernel's events and structs.
    pub(super) facts: KernelFacts,
    /// The kernel's BTF, against which typed programs are checked, or the reason why there is none.
    pub(super) btf: Result<Btf, String>,
}

/// Opens the object. The kernel's BTF, several megabytes, is parsed three times: by the loader for relocations; by this
/// crate for the parts that aya does not expose; and once more by aya, since the loader does not return its copy. The
/// loader creates the maps on a thread of its own as soon as it has the facts, and meanwhile BTF is parsed for the
/// programs.
pub(super) fn open(options: &LoadOptions<'_>) -> Result<Opened, LoadError> {
    if OBJECT.is_empty() {
        return Err(LoadError::NotBuilt);
    }
    let (sender, config) = sync_channel(1);
    thread::scope(|scope| {
        let ebpf = scope.spawn(move || load(&config, options));
        let bytes = fs::read(KERNEL_BTF).map_err(|e| format!("{KERNEL_BTF}: {e}"));
        let facts = KernelFacts::read(options.tracefs, options.attach_with, bytes.as_deref());
        // The other thread waits for the facts.
        let _ = sender.send(facts.config(options));
        let btf = match (options.attach_with, &facts.btf) {
            (AttachWith::ClassicOnly, _) => Err("not asked for".to_owned()),
            (AttachWith::All, Err(why)) => Err(why.clone()),
            (AttachWith::All, Ok(())) => {
                bytes.and_then(|bytes| Btf::parse(&bytes, Endianness::default()).map_err(|e| chain(&e)))
            }
        };
        let ebpf =
            ebpf.join().unwrap_or_else(|_| Err(LoadError::Refused("the thread that loads it ended".to_owned())))?;
        Ok(Opened { ebpf, facts, btf })
    })
}

/// Creates the maps, and the programs in the form in which they are loaded, once it has received the facts.
fn load(receiver: &Receiver<Config>, options: &LoadOptions<'_>) -> Result<Ebpf, LoadError> {
    // By default aya-log writes all levels, into 128 KiB.
    let (level, log_bytes) = match options.kernel_log {
        true => (kernel_log::LEVEL, kernel_log::RING_BYTES),
        false => (0, u32::try_from(rustix::param::page_size()).unwrap_or(4096)),
    };
    let mut config = None;
    let mut loader = EbpfLoader::new();
    let config = config.insert(Raw(receiver.recv().map_err(|e| LoadError::Refused(e.to_string()))?));
    loader
        .override_global("CONFIG", &*config, true)
        .override_global(aya_log::LEVEL, &level, true)
        .map_max_entries("RING", options.ring_bytes)
        .map_max_entries("AYA_LOGS", log_bytes)
        .map_max_entries("STACK_ROOM", if options.stacks { StallKind::COUNT as u32 } else { 1 })
        .map_max_entries("EVICTED", if options.evictors { MAX_EVICTED } else { 1 })
        .map_max_entries("EVICTIONS", if options.evictors { MAX_EVICTING } else { 1 })
        .map_max_entries("STACKS", if options.stacks { MAX_STACKS } else { 1 })
        .map_max_entries("STACK_COUNTS", if options.stacks { MAX_COUNTS } else { 1 })
        .load(OBJECT)
        .map_err(|e| LoadError::Refused(chain(&e)))
}

#[cfg(test)]
mod tests {
    use super::OBJECT;
    use crate::{
        fallbacks::{EVICTORS, FUNCTIONS, OFF_CPU, SWAP_EVICTORS},
        stalled,
        tracepoints::classic_name,
    };
    use memtrace_core::hook::catalog::HOOKS;

    #[test]
    fn the_object_has_every_program_of_the_tables() {
        // A build without the kernel side has nothing to check; all other builds have.
        if OBJECT.is_empty() {
            return;
        }
        let object = aya_obj::Object::parse(OBJECT).unwrap();
        let events = HOOKS.iter().flat_map(|hook| [hook.program.to_owned(), classic_name(hook)]);
        let functions = FUNCTIONS.into_iter().chain([OFF_CPU, EVICTORS, SWAP_EVICTORS]);
        let functions = functions.flat_map(|function| function.programs().map(|(_, name)| name.to_owned()));
        for name in events.chain(functions).chain([stalled::PROGRAM.to_owned()]) {
            assert!(object.programs.contains_key(&name), "{name} is not in memtrace-ebpf/src/entry.rs");
        }
    }
}
