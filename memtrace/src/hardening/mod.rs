//! The tracer must not be the victim of what it traces: memory locked and touched, `oom_score_adj` lowered. And the
//! command that it starts must not inherit any of that.

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
