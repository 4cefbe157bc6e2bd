//! Protection of the tracer from the shortage that it traces: memory is locked and touched, `oom_score_adj` is lowered.
//! The command that it starts must not inherit any of this.

mod command;
mod harden;
mod note;
mod pages;

pub(crate) use self::harden::LOCK_BYTES;
pub use self::{
    command::{SpawnError, spawn, status_code},
    harden::{Original, Protected, protect},
    note::Note,
    pages::{give_back_free, touch, touch_stack},
};
