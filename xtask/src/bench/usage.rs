//! Resource usage of a process, as the kernel counts it.

use std::{
    fs, io,
    process::{Child, ExitStatus},
    time::Duration,
};

use anyhow::{Context as _, Result};

/// Waits for a child. Returns its status, and its CPU time in user and kernel mode, with that of its own children.
pub(super) fn wait_with_cpu(child: Child) -> Result<(ExitStatus, Duration)> {
    use std::os::unix::process::ExitStatusExt as _;
    let pid = libc::pid_t::try_from(child.id()).context("a pid")?;
    let mut status = 0;
    // SAFETY: rusage is plain numbers, for which zeroes are valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are to live values of the right types; the child is ours and nobody else waits for it.
        let waited = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
        if waited == pid {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error).context("waiting for the load");
        }
    }
    Ok((ExitStatus::from_raw(status), time(usage.ru_utime) + time(usage.ru_stime)))
}

fn time(value: libc::timeval) -> Duration {
    let (seconds, micros) = (u64::try_from(value.tv_sec), u64::try_from(value.tv_usec));
    Duration::from_secs(seconds.unwrap_or(0)) + Duration::from_micros(micros.unwrap_or(0))
}

/// CPU time of all threads of a running process, to the nanosecond.
pub(super) fn cpu_of(pid: u32) -> Result<Duration> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).context("listing memtrace's threads")? {
        let text = fs::read_to_string(task?.path().join("schedstat")).context("reading a thread's schedstat")?;
        sum += text.split(' ').next().and_then(|n| n.parse::<u64>().ok()).context("a thread's CPU time")?;
    }
    Ok(Duration::from_nanos(sum))
}

/// A size of `/proc/PID/status`, such as `VmRSS`, in MiB.
pub(super) fn mib_of(pid: u32, what: &str) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).context("reading memtrace's status")?;
    let line = text.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    Ok(kib.with_context(|| format!("{what} of memtrace"))? / 1024.0)
}
