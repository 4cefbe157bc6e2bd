//! The key and the label of a process in tables.

use crate::event::Comm;

/// A process: its pid, and its start where it was read. Two processes with one pid have different starts.
pub(super) type ProcessKey = (u32, Option<u64>);

/// The label of a process: facts other than counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProcessLabel {
    pub(super) comm: Comm,
    pub(super) in_command: Option<bool>,
    pub(super) cgroup_id: Option<u64>,
}
