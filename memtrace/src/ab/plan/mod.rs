//! Plan of an experiment: settings, sides, order of writes, schedule. This module only computes; the shell around it
//! reads and writes.

pub mod allow;
mod conduct;
pub mod describe;
pub mod journal;
pub mod knob;
mod order;
mod risk;
pub mod schedule;
mod sides;
mod value;

pub use self::{
    allow::Kind,
    conduct::{Action, Conductor, Phase},
    knob::{Knob, SettingFile},
    order::{Write, sort},
    risk::{Host, Risk, risks},
    schedule::{Block, Schedule, Side},
    sides::{ChangedSetting, Plan, Present},
};
