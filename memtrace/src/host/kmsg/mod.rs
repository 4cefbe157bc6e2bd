//! OOM kills from the kernel log (`/dev/kmsg`): those before the start, and the constraint of those after it.

mod kill;
mod reader;
mod record;

pub use self::{
    kill::{KillParser, LogKill},
    reader::KernelLog,
    record::Record,
};
