//! Handlers of the events, one file per topic.

pub(crate) mod evict;
pub(crate) mod evict_swap;
pub(crate) mod exit;
pub(crate) mod finished;
pub(crate) mod freed;
pub(crate) mod kswapd;
pub(crate) mod node;
pub(crate) mod off_cpu;
pub(crate) mod oom;
pub(crate) mod reclaim;
pub(crate) mod refault;
pub(crate) mod shrink;
pub(crate) mod stack;
pub(crate) mod stall;
pub(crate) mod stalled;
pub(crate) mod wait;
pub(crate) mod zone;
