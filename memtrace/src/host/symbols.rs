//! Names of code addresses: of the kernel from /proc/kallsyms, of a process from the files that it has mapped.

use std::{
    collections::{HashMap, VecDeque},
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
};

use blazesym::{
    MaybeDefault, Pid, helper,
    symbolize::{
        Input, Symbolized, Symbolizer,
        source::{Elf, Kernel, Process, Source},
    },
};
use procfs::process::{MMPermissions, MMapPath};

use memtrace_core::stack::{Frame, RawStack, Stack};

/// Processes whose mappings are remembered, so that a stack of one that is gone still has its files. After as many, the
/// symbolizer of processes is created anew: it forgets nothing, and short-lived processes come without end.
const PROCESSES: usize = 512;
/// Files whose build ids are remembered.
const FILES: usize = 4096;

/// Code that a process has mapped.
#[derive(Clone, Debug)]
struct Mapping {
    start: u64,
    end: u64,
    /// Offset of its begin in the file, in bytes.
    offset: u64,
    file: MappedFile,
}

/// A file that a process has mapped. A path alone does not identify it: each container can have another file there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct MappedFile {
    device: (i32, i32),
    inode: u64,
    /// Path as the process sees it.
    path: PathBuf,
}

/// Looks up names, and caches what it reads from files. Used on a thread of its own.
pub struct Symbols {
    kernel: Symbolizer,
    processes: Symbolizer,
    /// Number of processes learnt since `processes` was created.
    learnt: usize,
    mappings: HashMap<u32, Vec<Mapping>>,
    /// The processes of `mappings`, oldest first.
    order: VecDeque<u32>,
    build_ids: HashMap<MappedFile, Vec<u8>>,
}

impl std::fmt::Debug for Symbols {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Symbols").field("processes", &self.order.len()).finish_non_exhaustive()
    }
}

impl Default for Symbols {
    fn default() -> Self {
        Self {
            kernel: symbolizer(),
            processes: symbolizer(),
            learnt: 0,
            mappings: HashMap::new(),
            order: VecDeque::new(),
            build_ids: HashMap::new(),
        }
    }
}

fn symbolizer() -> Symbolizer {
    Symbolizer::builder().enable_code_info(false).enable_inlined_fns(false).build()
}

impl Symbols {
    /// Reads the mappings of a process while it exists.
    pub fn learn_process(&mut self, pid: u32) {
        let mapped = mappings(pid);
        // The process is gone already, or a kernel thread: the mappings known so far are the best that there are.
        if mapped.is_empty() {
            return;
        }
        self.learnt += 1;
        if self.learnt > PROCESSES {
            (self.processes, self.learnt) = (symbolizer(), 0);
        }
        if self.mappings.insert(pid, mapped).is_none() {
            self.order.push_back(pid);
        }
        if self.order.len() > PROCESSES
            && let Some(oldest) = self.order.pop_front()
        {
            self.mappings.remove(&oldest);
        }
    }

    /// The names of a stack, as far as they can be found.
    pub fn name(&mut self, raw: &RawStack) -> Stack {
        Stack::of(self.kernel(&raw.kernel), self.user(raw.pid, &raw.user))
    }

    fn kernel(&self, addresses: &[u64]) -> Vec<Frame> {
        let kernel = Kernel { debug_syms: false, vmlinux: MaybeDefault::None, ..Kernel::default() };
        let calls = calls(addresses);
        let named = named(&self.kernel, &Source::Kernel(kernel), &Input::AbsAddr(&calls));
        let frame = |(n, &address): (usize, &u64)| Frame {
            kernel: true,
            address,
            ..named.get(n).cloned().flatten().unwrap_or_default()
        };
        calls.iter().enumerate().map(frame).collect()
    }

    fn user(&mut self, pid: u32, addresses: &[u64]) -> Vec<Frame> {
        if addresses.is_empty() {
            return Vec::new();
        }
        let is_mapped = |mapped: Option<&Vec<Mapping>>| {
            mapped.is_some_and(|mapped| addresses.iter().all(|address| find(mapped, *address).is_some()))
        };
        // New code may have been loaded since.
        if !is_mapped(self.mappings.get(&pid)) {
            self.learn_process(pid);
        }
        let calls = calls(addresses);
        let mut process = Process::new(Pid::from(pid));
        process.debug_syms = false;
        let named = named(&self.processes, &Source::Process(process), &Input::AbsAddr(&calls));
        let mapped = self.mappings.get(&pid).cloned().unwrap_or_default();
        let frames = calls.iter().enumerate().map(|(n, &call)| {
            let Some(mapping) = find(&mapped, call) else {
                let found = named.get(n).cloned().flatten().unwrap_or_default();
                return Frame { address: call, module: Vec::new(), ..found };
            };
            let address = call - mapping.start + mapping.offset;
            let found = named.get(n).cloned().flatten().or_else(|| self.in_file(pid, &mapping.file, address));
            Frame {
                kernel: false,
                address,
                module: mapping.file.path.as_os_str().as_bytes().to_vec(),
                build_id: self.build_id(pid, &mapping.file),
                ..found.unwrap_or_default()
            }
        });
        frames.collect()
    }

    /// The function at an offset of a file, for a process that is gone.
    fn in_file(&self, pid: u32, file: &MappedFile, offset: u64) -> Option<Frame> {
        let mut elf = Elf::new(path_of(pid, file)?);
        elf.debug_syms = false;
        named(&self.processes, &Source::Elf(elf), &Input::FileOffset(&[offset])).pop().flatten()
    }

    fn build_id(&mut self, pid: u32, file: &MappedFile) -> Vec<u8> {
        if let Some(known) = self.build_ids.get(file) {
            return known.clone();
        }
        if self.build_ids.len() >= FILES {
            self.build_ids.clear();
        }
        let read = path_of(pid, file).and_then(|path| helper::read_elf_build_id(path.as_path()).ok().flatten());
        let id = read.map(|id| id.to_vec()).unwrap_or_default();
        self.build_ids.insert(file.clone(), id.clone());
        id
    }
}

/// The function of each address; empty where the source cannot be read.
fn named(symbolizer: &Symbolizer, source: &Source<'_>, input: &Input<&[u64]>) -> Vec<Option<Frame>> {
    let Ok(symbols) = symbolizer.symbolize(source, *input) else { return Vec::new() };
    let frame = |symbol| match symbol {
        Symbolized::Sym(symbol) => Some(Frame {
            function: symbol.name.as_bytes().to_vec(),
            offset: symbol.offset as u64,
            module: symbol.module.map(|module| module.as_bytes().to_vec()).unwrap_or_default(),
            ..Frame::default()
        }),
        Symbolized::Unknown(_) => None,
    };
    symbols.into_iter().map(frame).collect()
}

/// Addresses inside the calls: all but the innermost are return addresses, and the next function may begin there.
fn calls(addresses: &[u64]) -> Vec<u64> {
    addresses.iter().enumerate().map(|(n, address)| address.saturating_sub(u64::from(n > 0))).collect()
}

fn find(mapped: &[Mapping], address: u64) -> Option<&Mapping> {
    mapped.iter().find(|mapping| (mapping.start..mapping.end).contains(&address))
}

/// Path at which the file of a process can be opened: below the root of the process while it exists; later below ours,
/// if that is the same file.
fn path_of(pid: u32, file: &MappedFile) -> Option<PathBuf> {
    let inside = Path::new("/proc").join(pid.to_string()).join("root").join(file.path.strip_prefix("/").ok()?);
    if inside.is_file() {
        return Some(inside);
    }
    let is_same = |here: &Path| here.metadata().is_ok_and(|here| here.is_file() && here.ino() == file.inode);
    Some(file.path.clone()).filter(|path| is_same(path))
}

/// The code that a process has mapped from files; empty when it is gone.
fn mappings(pid: u32) -> Vec<Mapping> {
    let process = i32::try_from(pid).ok().and_then(|pid| procfs::process::Process::new(pid).ok());
    let Some(maps) = process.and_then(|process| process.maps().ok()) else { return Vec::new() };
    maps.into_iter()
        .filter(|map| map.perms.contains(MMPermissions::EXECUTE))
        .filter_map(|map| match map.pathname {
            MMapPath::Path(path) => {
                let file = MappedFile { device: map.dev, inode: map.inode, path };
                Some(Mapping { start: map.address.0, end: map.address.1, offset: map.offset, file })
            }
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of functions of this very process, and of the kernel where they may be read.
    #[test]
    fn functions_of_this_process_have_names() {
        let address = functions_of_this_process_have_names as *const () as u64;
        let pid = std::process::id();
        let raw = RawStack { number: 0, pid, kernel: Vec::new(), user: vec![address + 4, address + 9, 1] };
        let mut symbols = Symbols::default();
        let stack = symbols.name(&raw);
        let names: Vec<_> =
            stack.frames.iter().map(|frame| String::from_utf8_lossy(&frame.name()).into_owned()).collect();
        assert!(names[0].contains("functions_of_this_process_have_names"), "{names:?}");
        assert!(names[1].contains("functions_of_this_process_have_names"), "{names:?}");
        assert_eq!(names[2], "[unknown]");
        let exe = std::env::current_exe().unwrap();
        assert_eq!(stack.frames[0].module, exe.as_os_str().as_bytes());
        assert_eq!(stack.frames[0].offset, 4);
    }

    #[test]
    fn a_process_that_is_gone_still_has_the_files_that_were_seen() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id();
        let mut symbols = Symbols::default();
        while symbols.mappings.get(&pid).is_none_or(|mapped| !mapped.iter().any(|m| m.file.path.ends_with("sleep"))) {
            symbols.learn_process(pid);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let mapping =
            symbols.mappings[&pid].iter().find(|mapping| mapping.file.path.ends_with("sleep")).unwrap().clone();
        let raw = RawStack { number: 0, pid, kernel: Vec::new(), user: vec![mapping.start + 16] };
        let frame = symbols.name(&raw).frames.remove(0);
        assert_eq!((frame.address, frame.module.ends_with(b"sleep")), (mapping.offset + 16, true));
        assert!(!frame.build_id.is_empty());
        // Another file of this path, as in a container that is gone, gives no names.
        let other = MappedFile { inode: mapping.file.inode + 1, ..mapping.file.clone() };
        assert_eq!((path_of(pid, &other), path_of(pid, &mapping.file).is_some()), (None, true));
    }
}
