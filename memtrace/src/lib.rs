//! memtrace: what memory reclaim costs whom, from the running kernel.

pub mod before;
pub mod cli;
pub mod clock;
pub mod compare;
pub mod condition;
pub mod decode;
pub mod event;
pub mod gfp;
pub mod hook;
pub mod host;
pub mod json;
pub mod lines;
pub mod live;
pub mod names;
pub mod offline;
pub mod preflight;
pub mod probe;
pub mod record;
pub mod replay;
pub mod report;
pub mod session;
pub mod survive;
pub mod terminal;
pub mod trace;
pub mod untrusted;
pub mod view;
