//! Name, ancestors and flags of a task, from /proc.

use std::fs;

use memtrace_common::task::PF_MEMALLOC;

use memtrace_core::event::Comm;

/// Most ancestors that are read: it ends deep trees, and rules out loops.
const MAX_DEPTH: u32 = 64;

/// Name of a process; `None` when it is gone.
#[must_use]
pub fn comm(pid: u32) -> Option<Comm> {
    let text = fs::read(format!("/proc/{pid}/comm")).ok()?;
    // The kernel appends the newline; others are part of the name.
    Some(Comm::from(text.strip_suffix(b"\n").unwrap_or(&text)))
}

/// True if a process is `ancestor` or descends from it; `None` when it was gone before that was known. A process that
/// got another parent (a daemon) does not descend from it any more.
#[must_use]
pub fn descends_from(pid: u32, ancestor: u32) -> Option<bool> {
    let mut pid = pid;
    for _ in 0..MAX_DEPTH {
        if pid == ancestor {
            return Some(true);
        }
        if pid <= 1 {
            return Some(false);
        }
        pid = parent(&fs::read(format!("/proc/{pid}/stat")).ok()?)?;
    }
    Some(false)
}

/// True if a thread is inside reclaim or direct compaction; `None` when it is gone or cannot be seen.
#[must_use]
pub fn is_reclaiming(pid: u32, tid: u32) -> Option<bool> {
    let flags = flags(&fs::read(format!("/proc/{pid}/task/{tid}/stat")).ok()?)?;
    Some(flags & PF_MEMALLOC != 0)
}

/// The parent in the text of `/proc/PID/stat`.
fn parent(stat: &[u8]) -> Option<u32> {
    after_name(stat, 1)
}

/// `task_struct.flags` in the same text.
fn flags(stat: &[u8]) -> Option<u32> {
    after_name(stat, 6)
}

/// A word after the name, which may hold anything, `)` included.
fn after_name(stat: &[u8], word: usize) -> Option<u32> {
    let after_name = stat.iter().rposition(|&b| b == b')')? + 1;
    str::from_utf8(&stat[after_name..]).ok()?.split_ascii_whitespace().nth(word)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{comm, descends_from, flags, is_reclaiming, parent};

    #[test]
    fn own_name() {
        assert!(comm(std::process::id()).is_some());
        assert_eq!(comm(u32::MAX), None);
    }

    #[test]
    fn the_name_may_hold_anything() {
        assert_eq!(parent(b"12 (a) R 7 (x)) S 34 12 12 0"), Some(34));
        assert_eq!(parent(b"12 (a"), None);
        assert_eq!(parent(b""), None);
        assert_eq!(flags(b"12 (a) R 7 (x)) S 34 12 12 0 -1 4194560 99"), Some(0x0040_0100));
        assert_eq!(flags(b"12 (a) S 34 12 12 0 -1 18446744073709551615"), None);
    }

    #[test]
    fn this_thread_does_not_reclaim() {
        let own = std::process::id();
        assert_eq!(is_reclaiming(own, own), Some(false));
        assert_eq!(is_reclaiming(own, u32::MAX), None);
    }

    #[test]
    fn a_child_comes_from_its_parent() {
        let own = std::process::id();
        let mut child = std::process::Command::new("sleep").arg("5").spawn().unwrap();
        assert_eq!(descends_from(child.id(), own), Some(true));
        assert_eq!(descends_from(own, child.id()), Some(false));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(descends_from(child.id(), own), None);
    }
}
