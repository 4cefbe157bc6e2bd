//! The running programs: their cost, and the number of runs that the kernel skipped.

use std::{
    io, mem,
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd},
    time::Duration,
};

use aya::{
    Ebpf,
    programs::{BtfTracePoint, tp_btf::BtfTracePointLink},
    sys,
};
use aya_obj::generated::{bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, bpf_prog_info};

use super::describe::describe;

/// The programs, attached for as long as this value lives.
pub struct Programs {
    pub(super) ebpf: Ebpf,
    /// The links of BTF tracepoints that replace functions, by program.
    pub(super) links: Vec<(&'static str, BtfTracePointLink)>,
}

/// Program of `memcg:mod_memcg_lruvec_state`, the most expensive hook: the kernel fires it for each change of each
/// counter of a memory cgroup.
const LRUVEC_STATE: &str = "lruvec_state";

/// Counts of all programs since the load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgramCounts {
    /// Runs while the kernel's statistics were on.
    pub runs: u64,
    /// Run time in these runs.
    pub run_time: Duration,
    /// Runs that the kernel skipped because a program was already running on that CPU; `None` where the kernel does not
    /// count them (before 5.12, 9ed9e9ba2337).
    pub skipped: Option<u64>,
}

impl Programs {
    /// Enables the kernel's run-time statistics for as long as the value lives. They slow every BPF program on the
    /// host, so they are for short samples only.
    ///
    /// # Errors
    /// When the kernel has no such statistics (before 5.8: d46edd671a14, bpf: Sharing bpf runtime stats with
    /// BPF_ENABLE_STATS) or refuses.
    pub fn enable_statistics() -> io::Result<OwnedFd> {
        sys::enable_stats(sys::Stats::RunTime).map_err(|e| io::Error::other(e.to_string()))
    }

    /// True where refaults are counted by `memcg:mod_memcg_lruvec_state`.
    #[must_use]
    pub fn has_lruvec_state(&self) -> bool {
        self.links.iter().any(|(program, _)| *program == LRUVEC_STATE)
    }

    /// Detaches `memcg:mod_memcg_lruvec_state`.
    pub fn pause_lruvec_state(&mut self) {
        self.links.retain(|(program, _)| *program != LRUVEC_STATE);
    }

    /// Attaches `memcg:mod_memcg_lruvec_state` again.
    ///
    /// # Errors
    /// When the kernel no longer accepts it, with the reason in words.
    pub fn resume_lruvec_state(&mut self) -> Result<(), String> {
        let program = self.ebpf.program_mut(LRUVEC_STATE).ok_or("not in the object")?;
        let program: &mut BtfTracePoint = program.try_into().map_err(|e| describe(&e))?;
        let link = program.attach().and_then(|link| program.take_link(link)).map_err(|e| describe(&e))?;
        self.links.push((LRUVEC_STATE, link));
        Ok(())
    }

    /// Counts of all loaded programs; `None` when the kernel does not report those of one, since the sum would be
    /// incomplete.
    #[must_use]
    pub fn counts(&self) -> Option<ProgramCounts> {
        let loaded = self.ebpf.programs().filter_map(|(_, program)| program.fd().ok());
        sum(loaded.map(|fd| info_of(fd.as_fd()).ok()))
    }
}

/// The sum over programs; `None` when one is missing.
fn sum(programs: impl Iterator<Item = Option<Info>>) -> Option<ProgramCounts> {
    let mut all = ProgramCounts { skipped: Some(0), ..ProgramCounts::default() };
    for info in programs {
        let info = info?;
        all.runs += info.run_cnt;
        all.run_time += Duration::from_nanos(info.run_time_ns);
        all.skipped = all.skipped.zip(info.skipped).map(|(all, one)| all + one);
    }
    Some(all)
}

/// A part of the kernel's information about a program.
struct Info {
    run_cnt: u64,
    run_time_ns: u64,
    skipped: Option<u64>,
}

/// Reads the information from the kernel. [`aya::programs::ProgramInfo`] lacks the skipped runs. /proc/self/fdinfo has
/// them, but costs seven more system calls per tick and program.
fn info_of(program: BorrowedFd<'_>) -> io::Result<Info> {
    /// A part of `union bpf_attr`.
    #[repr(C)]
    struct Attributes {
        bpf_fd: u32,
        info_len: u32,
        info: u64,
    }

    // SAFETY: the struct is plain numbers; 0 requests none of the arrays.
    let mut info: bpf_prog_info = unsafe { mem::zeroed() };
    let mut attributes = Attributes {
        bpf_fd: program.as_raw_fd().cast_unsigned(),
        info_len: size_of::<bpf_prog_info>() as u32,
        info: (&raw mut info).expose_provenance() as u64,
    };
    // SAFETY: the kernel reads the attributes, and writes at most `info_len` bytes to `info` and their number to
    // `info_len`; both outlive the call.
    let done = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            BPF_OBJ_GET_INFO_BY_FD as libc::c_int,
            &raw mut attributes,
            size_of::<Attributes>(),
        )
    };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    let has_skipped =
        attributes.info_len as usize >= mem::offset_of!(bpf_prog_info, recursion_misses) + size_of::<u64>();
    Ok(Info {
        run_cnt: info.run_cnt,
        run_time_ns: info.run_time_ns,
        skipped: has_skipped.then_some(info.recursion_misses),
    })
}

/// Number of instructions that the verifier processed for a loaded program; `None` before 5.16 (aba64c7da983, bpf: Add
/// verified_insns to bpf_prog_info and fdinfo).
pub(super) fn instructions_of(ebpf: &Ebpf, program: &str) -> Option<u32> {
    ebpf.program(program)?.info().ok()?.verified_instruction_count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(runs: u64, skipped: Option<u64>) -> Option<Info> {
        Some(Info { run_cnt: runs, run_time_ns: 10 * runs, skipped })
    }

    #[test]
    fn a_sum_lacks_no_program() {
        let all = sum([info(1, Some(3)), info(2, Some(4))].into_iter()).unwrap();
        assert_eq!(all, ProgramCounts { runs: 3, run_time: Duration::from_nanos(30), skipped: Some(7) });
        assert_eq!(sum([info(1, Some(3)), None].into_iter()), None);
        for old in [[info(1, None), info(2, Some(4))], [info(1, Some(3)), info(2, None)]] {
            assert_eq!(sum(old.into_iter()).unwrap().skipped, None, "a kernel that does not count them");
        }
    }
}
