//! Preflight: finds what this kernel and these rights allow before anything is attached, and how to get the rest.
//!
//! [`gather()`] reads the facts, [`check`] judges them and is pure, as are the renderers.

pub mod facts;
pub mod findings;
mod gather;
mod read;
pub mod render;

pub use self::{
    facts::{Fact, Facts},
    findings::{Finding, Severity, can_trace, check},
    gather::gather,
    render::missing_rights_message,
};

#[cfg(test)]
mod situations;
