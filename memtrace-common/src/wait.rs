//! Waits of a task outside every span: for a page from swap, or in a section that the kernel counts as a memory stall
//! (`psi_memstall_enter` to `psi_memstall_leave`).
//!
//! Most spans lie inside such a section too, so it is a wait of its own only when no span explains it. A stall inside a
//! swap fault counts for itself, and its time is not the fault's.

use crate::{kind::StallKind, span::TaskSpans};

/// The open wait of one task.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wait {
    /// Begin, `CLOCK_MONOTONIC` in ns.
    pub start_ns: u64,
    /// Time of stalls inside the wait, which count for themselves, in ns.
    pub inside_ns: u64,
    /// Voluntary context switches of the task at the begin of the wait.
    pub switches: u64,
}

/// Result of [`TaskSpans::waits`] for a task without a wait.
pub const NO_WAIT: u8 = u8::MAX;

impl TaskSpans {
    /// Kind of the task's wait outside its spans: the number of a [`StallKind`], or [`NO_WAIT`].
    #[inline(always)]
    #[must_use]
    pub const fn waits(&self) -> u8 {
        // 0 in a fresh entry means no wait.
        self.wait_kind.wrapping_sub(1)
    }

    /// True when no span, wait or section is open, so that the entry holds no state.
    #[inline(always)]
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.depth == 0 && self.wait_kind == 0 && self.memstall == 0
    }

    #[inline(always)]
    fn open_wait(&mut self, kind: StallKind, now_ns: u64, switches: u64) {
        self.wait_kind = kind as u8 + 1;
        self.wait_counted = 0;
        self.wait = Wait { start_ns: now_ns, inside_ns: 0, switches };
    }

    /// Ends the wait of this kind. Returns its duration without the stalls inside it.
    #[inline(always)]
    fn close_wait(&mut self, kind: StallKind, now_ns: u64) -> Option<u64> {
        if self.wait_kind != kind as u8 + 1 {
            return None;
        }
        self.wait_kind = 0;
        Some(now_ns.saturating_sub(self.wait.start_ns).saturating_sub(self.wait.inside_ns))
    }

    /// The kernel enters a section that it counts as a memory stall. Sections nest; `is_outermost` is true when the
    /// kernel reports that the task is in no other one. Returns true when the leave of an earlier section was lost, and
    /// its wait with it.
    #[inline(always)]
    pub fn memstall_enter(&mut self, now_ns: u64, is_outermost: bool) -> bool {
        let was_lost = is_outermost && self.memstall != 0;
        if was_lost {
            self.memstall = 0;
            self.explained();
        }
        self.memstall = self.memstall.saturating_add(1);
        self.wait_counted = 1;
        if self.memstall == 1 && self.depth == 0 && self.wait_kind == 0 {
            self.open_wait(StallKind::Thrash, now_ns, 0);
        }
        was_lost
    }

    /// The kernel leaves a section. Returns the duration of the wait in ns, when the section was a wait of its own. A
    /// leave without its enter (which was before the attaching) is ignored.
    #[inline(always)]
    pub fn memstall_leave(&mut self, now_ns: u64) -> Option<u64> {
        self.memstall = self.memstall.saturating_sub(1);
        if self.memstall != 0 {
            return None;
        }
        self.close_wait(StallKind::Thrash, now_ns)
    }

    /// A fault on a page in swap begins. A span that is open already explains the time.
    #[inline(always)]
    pub fn swap_fault_begin(&mut self, now_ns: u64, switches: u64) {
        if self.depth == 0 {
            self.open_wait(StallKind::Swapin, now_ns, switches);
        }
    }

    /// The fault ends. Returns the duration of the wait in ns, when the task had to wait for swap: it read the page
    /// (`major`), or it slept during another task's read, which the kernel counts as a memory stall. A page that was
    /// still in the swap cache costs no wait. A fault on a page under migration also passes here and has nothing to do
    /// with swap.
    #[inline(always)]
    pub fn swap_fault_end(&mut self, now_ns: u64, switches: u64, major: bool) -> Option<u64> {
        let waited_ns = self.close_wait(StallKind::Swapin, now_ns)?;
        // The sleep may have been that of a stall inside the fault. With a span still open, an end was lost and nothing
        // is certain.
        let slept = switches != self.wait.switches && self.wait_counted != 0 && self.wait.inside_ns == 0;
        if self.depth == 0 && (major || slept) { Some(waited_ns) } else { None }
    }

    /// A span opens: the section that it explains is no wait of its own.
    #[inline(always)]
    pub(crate) fn explained(&mut self) {
        if self.wait_kind == StallKind::Thrash as u8 + 1 {
            self.wait_kind = 0;
        }
    }

    /// A stall was counted: its time does not belong to the wait around it.
    #[inline(always)]
    pub fn counted(&mut self, dur_ns: u64) {
        if self.wait_kind != 0 {
            self.wait.inside_ns = self.wait.inside_ns.saturating_add(dur_ns);
        }
    }
}
