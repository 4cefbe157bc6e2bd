//! The first object: the host, the hooks and the filters.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    values::{SCHEMA, Shown, text},
    words,
};
use memtrace_core::{clock, hook::HookRecord, session::filter::Filter, untrusted::Text};

/// Input for the first object.
#[derive(Clone, Copy)]
pub struct MetaInput<'a> {
    /// Version of memtrace.
    pub version: &'a Text,
    /// Kernel release (`uname -r`).
    pub kernel: &'a Text,
    /// Host name.
    pub host: &'a Text,
    /// Page size in bytes.
    pub page_size_bytes: u64,
    /// Hooks, attached or not.
    pub hooks: &'a [HookRecord],
    /// Filter on the stalls that are shown.
    pub filter: &'a Filter,
    /// Shortest stall that has an object of its own, in ns.
    pub min_stall_ns: u64,
    /// Length of a tick in ns.
    pub interval_ns: u64,
    /// The command that memtrace started, word by word; empty without one.
    pub command: &'a [Text],
}

impl<'a> MetaInput<'a> {
    /// The input for the first object of a trace.
    #[must_use]
    pub fn of_trace(meta: &'a memtrace_trace::model::Meta, filter: &'a Filter, min_stall_ns: u64) -> Self {
        Self {
            version: &meta.setup.version,
            kernel: &meta.host.kernel,
            host: &meta.host.host,
            page_size_bytes: meta.host.page_size_bytes,
            hooks: &meta.setup.hooks,
            filter,
            min_stall_ns: min_stall_ns.max(meta.setup.min_stall_ns),
            interval_ns: meta.setup.interval_ns,
            command: &meta.setup.command,
        }
    }
}

/// Two clocks read together.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Clock {
    /// `CLOCK_MONOTONIC`, in ns.
    pub monotonic_ns: u64,
    /// `CLOCK_REALTIME` at that instant, in ns since 1970; null when a damaged trace has lost it.
    pub realtime_ns: Option<i64>,
}

/// A hook on this kernel.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Hook {
    /// Kernel name.
    pub name: String,
    /// Method of attachment; null when it is not attached.
    #[schemars(with = "Option<words::Attached>")]
    pub attached: Option<String>,
    /// Reason that it is not attached.
    pub reason: Option<String>,
    /// Data that are lost without it.
    pub without: String,
    /// Fields that this kernel's event does not have.
    pub unread: Vec<String>,
}

impl Hook {
    /// The object of a hook.
    #[must_use]
    pub fn new(hook: &HookRecord) -> Self {
        Self {
            name: hook.name.json(),
            attached: hook.attached.as_ref().map(Text::json),
            reason: hook.reason.as_ref().map(Text::json),
            without: hook.without.json(),
            unread: hook.unread.iter().map(Text::json).collect(),
        }
    }
}

/// Filters on the stalls that have objects and rows. Empty lists let all through.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Filters {
    /// Process ids.
    pub pids: Vec<u32>,
    /// Patterns on task names.
    pub comms: Vec<String>,
    /// Patterns on cgroup paths.
    pub cgroups: Vec<String>,
    /// Kinds of stall.
    #[schemars(with = "Vec<words::Kind>")]
    pub kinds: Vec<&'static str>,
    /// Prefixes of container ids and pod uids, names of units.
    pub containers: Vec<String>,
    /// Shortest stall that has an object of its own, in ns.
    pub min_stall_ns: u64,
}

/// First object: the host, the hooks and the filters.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Meta {
    /// Version of the objects.
    #[schemars(extend("const" = SCHEMA))]
    pub schema: u32,
    /// Version of memtrace.
    pub version: String,
    /// `CLOCK_MONOTONIC` of the clock pair, in ns.
    pub t_ns: u64,
    /// Time of the clock pair, RFC 3339 in UTC; null when a damaged trace has lost it.
    pub time: Option<Shown<clock::Rfc3339>>,
    /// Two clocks read together, which convert `t_ns` to `time`.
    pub clock: Clock,
    /// Kernel release.
    pub kernel: String,
    /// Host name.
    pub host: String,
    /// Page size in bytes.
    pub page_size_bytes: u64,
    /// Hooks, attached or not.
    pub hooks: Vec<Hook>,
    /// Filters on the stalls that have objects and rows.
    pub filters: Filters,
    /// Length of a tick in ns.
    pub interval_ns: u64,
    /// The command that memtrace started, word by word; null without one.
    pub command: Option<Vec<String>>,
}

impl Meta {
    /// The first object.
    #[must_use]
    pub fn new(input: &MetaInput<'_>, clock: &clock::Clock) -> Self {
        let filter = input.filter;
        Self {
            schema: SCHEMA,
            version: input.version.json(),
            t_ns: clock.mono_ns,
            time: clock.rfc3339(clock.mono_ns).map(Shown),
            clock: Clock {
                monotonic_ns: clock.mono_ns,
                realtime_ns: clock.wall.map(|wall| i64::try_from(wall.as_nanosecond()).unwrap_or(i64::MAX)),
            },
            kernel: input.kernel.json(),
            host: input.host.json(),
            page_size_bytes: input.page_size_bytes,
            hooks: input.hooks.iter().map(Hook::new).collect(),
            filters: Filters {
                pids: filter.pids.clone(),
                comms: filter.comms.iter().map(|pattern| text(pattern.as_bytes())).collect(),
                cgroups: filter.cgroups.iter().map(|pattern| text(pattern.as_bytes())).collect(),
                containers: filter.containers.iter().map(|pattern| text(pattern.as_bytes())).collect(),
                kinds: filter.kinds.iter().map(|kind| kind.name()).collect(),
                min_stall_ns: input.min_stall_ns,
            },
            interval_ns: input.interval_ns,
            command: (!input.command.is_empty()).then(|| input.command.iter().map(Text::json).collect()),
        }
    }
}
