//! The running programs: what they cost, and how often the kernel skipped them.

use std::{
    fs,
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd},
    time::Duration,
};

use aya::{Ebpf, programs::Program, sys};

/// The programs, attached for as long as this lives.
pub struct Programs(pub(super) Ebpf);

/// Runs and run time of one program while the kernel's statistics were on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramCost {
    /// Its name in the object.
    pub name: String,
    /// How often it ran.
    pub runs: u64,
    /// How long, in all.
    pub run_time: Duration,
}

impl Programs {
    /// Turns the kernel's run-time statistics on for as long as the value lives. They slow every BPF program on the
    /// host: for short samples only.
    ///
    /// # Errors
    /// When the kernel has none (before 5.8) or refuses.
    pub fn enable_statistics() -> std::io::Result<OwnedFd> {
        sys::enable_stats(sys::Stats::RunTime).map_err(|e| std::io::Error::other(e.to_string()))
    }

    /// What each loaded program has cost so far, counted only while statistics were on.
    #[must_use]
    pub fn costs(&self) -> Vec<ProgramCost> {
        let cost = |(name, program): (&str, &Program)| {
            let info = program.info().ok()?;
            Some(ProgramCost { name: name.to_owned(), runs: info.run_count(), run_time: info.run_time() })
        };
        self.0.programs().filter_map(cost).collect()
    }

    /// Runs that the kernel skipped since the load because a program was already running on that CPU; `None` where the
    /// kernel does not tell (before 5.12).
    #[must_use]
    pub fn skipped_runs(&self) -> Option<u64> {
        let mut skipped = None;
        for (_, program) in self.0.programs() {
            let Ok(fd) = program.fd() else { continue };
            let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd())).ok()?;
            let misses =
                info.lines().find_map(|line| line.strip_prefix("recursion_misses:")?.trim().parse::<u64>().ok())?;
            *skipped.get_or_insert(0) += misses;
        }
        skipped
    }
}

/// Number of instructions that the verifier went through for a loaded program; `None` before 5.16.
pub(super) fn instructions_of(ebpf: &Ebpf, program: &str) -> Option<u32> {
    ebpf.program(program)?.info().ok()?.verified_instruction_count()
}
