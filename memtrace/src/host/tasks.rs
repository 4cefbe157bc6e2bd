//! Names of running tasks.

use std::fs;

use crate::event::Comm;

/// The name of a process or thread as it is now; `None` when it is gone.
#[must_use]
pub fn comm(pid: u32) -> Option<Comm> {
    let text = fs::read(format!("/proc/{pid}/comm")).ok()?;
    // The kernel appends the newline; others are part of the name.
    Some(Comm::from(text.strip_suffix(b"\n").unwrap_or(&text)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn own_name() {
        assert!(!super::comm(std::process::id()).unwrap().bytes().is_empty());
        assert_eq!(super::comm(u32::MAX), None);
    }
}
