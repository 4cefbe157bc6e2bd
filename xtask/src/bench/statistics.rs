//! Run-time statistics of BPF programs, from the kernel.

use std::{
    fs::{self, File},
    io,
    os::fd::FromRawFd as _,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::workspace::need;

/// Keeps the kernel's statistics on for its lifetime, and no longer, however this process ends.
pub(super) struct Enabled(#[expect(dead_code, reason = "closing it is what it is for")] File);

/// Turns the kernel's statistics on.
pub(super) fn enable() -> Result<Enabled> {
    /// Value from `enum bpf_cmd` in `include/uapi/linux/bpf.h`.
    const BPF_ENABLE_STATS: libc::c_int = 32;
    let run_time = 0_u32;
    // SAFETY: the attribute of this command is one u32; the kernel reads only the given number of bytes.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, BPF_ENABLE_STATS, &raw const run_time, size_of::<u32>()) };
    let fd = libc::c_int::try_from(fd).ok().filter(|fd| *fd >= 0);
    let fd = fd.ok_or_else(io::Error::last_os_error).context("turning on the run-time statistics of BPF programs")?;
    // SAFETY: the descriptor is new and nobody else has it.
    Ok(Enabled(unsafe { File::from_raw_fd(fd) }))
}

/// One program.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Program {
    pub(super) id: u32,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) run_time_ns: u64,
    #[serde(default)]
    pub(super) run_cnt: u64,
}

/// Programs of a process, in the order of their ids, which is the load order.
pub(super) fn programs_of(pid: u32) -> Result<Vec<Program>> {
    let bpftool = need("bpftool", "it reports the cost of BPF programs", "sudo apt-get install bpftool")
        .or_else(|e| which::which("/usr/sbin/bpftool").map_err(|_| e))?;
    let out = Command::new(bpftool).args(["prog", "show", "--json"]).stdin(Stdio::null()).output();
    let out = out.context("starting bpftool")?;
    let mut programs: Vec<Program> = serde_json::from_slice(&out.stdout).context("reading what bpftool says")?;
    let ids = ids_of(pid)?;
    programs.retain(|program| ids.contains(&program.id));
    programs.sort_by_key(|program| program.id);
    Ok(programs)
}

/// Ids of the programs that a process has open.
fn ids_of(pid: u32) -> Result<Vec<u32>> {
    let mut ids = Vec::new();
    for file in fs::read_dir(format!("/proc/{pid}/fdinfo")).context("listing the tracer's descriptors")? {
        // A descriptor that was closed meanwhile is skipped.
        let Ok(text) = fs::read_to_string(file.context("the tracer's descriptors")?.path()) else { continue };
        ids.extend(text.lines().find_map(|line| line.strip_prefix("prog_id:")?.trim().parse::<u32>().ok()));
    }
    Ok(ids)
}
