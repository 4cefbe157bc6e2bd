//! Tasks that are stalled on memory right now, by a BPF iterator over all tasks.

use std::io::Read as _;

use aya::{
    Btf, Ebpf,
    programs::{Iter, Program},
};
use memtrace_common::record::{COMM_LEN, StalledTask};

use super::describe::describe;
use memtrace_core::event::Comm;

/// A task that was already stalled when memtrace started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyStalled {
    /// Process id.
    pub pid: u32,
    /// Thread id.
    pub tid: u32,
    /// Name of the thread.
    pub comm: Comm,
}

/// Name of the iterator's program.
pub(super) const PROGRAM: &str = "stalled_tasks";

fn iterator(program: Option<&mut Program>) -> Result<&mut Iter, String> {
    program.ok_or("the object has no iterator")?.try_into().map_err(|e| describe(&e))
}

/// Loads the iterator.
///
/// # Errors
/// In words, when this kernel or this machine's policy refuses iterators (they need BTF and 5.8: eaaacd23910f, bpf: Add
/// task and task/file iterator targets).
pub(super) fn load(program: Option<&mut Program>, btf: &Btf) -> Result<(), String> {
    iterator(program)?.load("task", btf).map_err(|e| describe(&e))
}

/// Runs the loaded iterator once.
///
/// # Errors
/// In words, when the iterator cannot be attached or read.
pub(super) fn list(ebpf: &mut Ebpf) -> Result<Vec<AlreadyStalled>, String> {
    let program = iterator(ebpf.program_mut(PROGRAM))?;
    let id = program.attach().map_err(|e| describe(&e))?;
    let link = program.take_link(id).map_err(|e| describe(&e))?;
    let mut file = link.into_file().map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    Ok(parse(&bytes))
}

/// The records that the iterator wrote.
fn parse(bytes: &[u8]) -> Vec<AlreadyStalled> {
    let number = |record: &[u8], at: usize| record[at..].first_chunk().map_or(0, |b| u32::from_ne_bytes(*b));
    bytes
        .chunks_exact(size_of::<StalledTask>())
        .map(|record| AlreadyStalled {
            pid: number(record, 0),
            tid: number(record, 4),
            comm: record[8..].first_chunk::<COMM_LEN>().map_or_else(Comm::default, |comm| Comm(*comm)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn whole_records_only() {
        let mut bytes = vec![];
        bytes.extend(7u32.to_ne_bytes());
        bytes.extend(8u32.to_ne_bytes());
        bytes.extend(*b"java\0\0\0\0\0\0\0\0\0\0\0\0");
        bytes.extend([1, 2, 3]);
        let tasks = parse(&bytes);
        assert_eq!(tasks.len(), 1);
        assert_eq!((tasks[0].pid, tasks[0].tid, tasks[0].comm.bytes()), (7, 8, &b"java"[..]));
    }
}
