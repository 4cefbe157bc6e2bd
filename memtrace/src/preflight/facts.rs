//! The facts. One that could not be read carries the reason, and is never taken for "no" or 0.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};

/// A value, or why it could not be read. In JSON the value or null; the reasons are listed apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact<T> {
    /// It was read.
    Known(T),
    /// It was not, and why.
    Unread(String),
}

impl<T> Fact<T> {
    /// The value, when it was read.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unread(_) => None,
        }
    }

    /// Why it was not read.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Unread(reason) => Some(reason),
        }
    }
}

impl<T: PartialEq> Fact<T> {
    /// Whether it was read and has this value.
    pub fn is(&self, value: T) -> bool {
        self.known() == Some(&value)
    }
}

impl<T: Serialize> Serialize for Fact<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.known().serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for Fact<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Option::<T>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Option::<T>::json_schema(generator)
    }
}

/// The capabilities that make a difference, as they are effective now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Capabilities {
    /// `CAP_BPF`: load programs and make maps (5.8 and later).
    pub bpf: bool,
    /// `CAP_PERFMON`: attach to tracepoints and read kernel memory (5.8 and later).
    pub perfmon: bool,
    /// `CAP_SYS_ADMIN`: stands for both.
    pub sys_admin: bool,
    /// `CAP_SYS_RESOURCE`: lower `oom_score_adj`, raise limits.
    pub sys_resource: bool,
    /// `CAP_IPC_LOCK`: lock memory beyond the limit.
    pub ipc_lock: bool,
    /// `CAP_DAC_READ_SEARCH`: read tracefs, open cgroups by handle.
    pub dac_read_search: bool,
    /// `CAP_SYSLOG`: read the kernel log where that is restricted.
    pub syslog: bool,
}

/// A mounted tracefs.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Tracefs {
    /// Where it is mounted.
    pub path: String,
    /// Why its events cannot be read; `None` when they can.
    pub unreadable: Option<String>,
}

/// `/sys/kernel/security/lockdown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lockdown {
    /// Not locked down, or a kernel without it.
    None,
    /// The running kernel may not be changed; BPF still reads.
    Integrity,
    /// Kernel memory may not be read either, by BPF least of all.
    Confidentiality,
}

/// A limit in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// At most so many.
    Bytes(u64),
    /// None.
    Unlimited,
}

/// What a swap area is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SwapKind {
    /// Compressed memory.
    Zram,
    /// A block device.
    Disk,
    /// A file.
    File,
}

/// A swap area.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Swap {
    /// Its device or file.
    pub name: String,
    /// What it is on.
    pub kind: SwapKind,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// How much of it is used, in bytes.
    pub used_bytes: u64,
    /// Its priority: areas with a higher one are filled first.
    pub priority: i32,
}

/// Pressure stall information.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Psi {
    /// `/proc/pressure/memory` can be read.
    On,
    /// Built in but switched off, or not built in: the kernel shows both alike.
    Off,
}

/// The memory controller of control groups.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "path")]
pub enum Memcg {
    /// In a v1 hierarchy, mounted there.
    V1(String),
    /// In the unified hierarchy, mounted there.
    V2(String),
    /// In use, but its hierarchy is not mounted here.
    NotMounted,
    /// Switched off by `cgroup_disable=memory`.
    Disabled,
    /// Not in this kernel.
    Absent,
}

/// The multi-generational LRU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mglru {
    /// In use.
    On,
    /// Built in, not in use.
    Off,
    /// Not in this kernel.
    Absent,
}

/// All that is known of the host before the first hook is tried.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Facts {
    /// Release of the kernel, such as `6.12.9-amd64`.
    pub kernel: String,
    /// Its machine, such as `x86_64`.
    pub machine: String,
    /// The running executable, for commands that name it.
    pub exe: String,
    /// Effective user id.
    pub uid: u32,
    /// Effective capabilities.
    pub capabilities: Fact<Capabilities>,
    /// Whether this is the initial user namespace; in another one capabilities do not reach the kernel.
    pub initial_user_namespace: Fact<bool>,
    /// Whether this is the initial pid namespace; in another one memtrace does not know its own pid as the kernel has it.
    pub initial_pid_namespace: Fact<bool>,
    /// Kernel lockdown.
    pub lockdown: Fact<Lockdown>,
    /// Whether the kernel has type information (`/sys/kernel/btf/vmlinux`).
    pub btf: Fact<bool>,
    /// tracefs; `None` when it is not mounted.
    pub tracefs: Fact<Option<Tracefs>>,
    /// `kernel.unprivileged_bpf_disabled`.
    pub unprivileged_bpf_disabled: Fact<u32>,
    /// `kernel.dmesg_restrict`.
    pub dmesg_restrict: Fact<u32>,
    /// `kernel.perf_event_paranoid`.
    pub perf_event_paranoid: Fact<i32>,
    /// `RLIMIT_MEMLOCK`, the soft limit.
    pub memlock: Fact<Limit>,
    /// Where the memory controller is.
    pub memory_cgroup: Fact<Memcg>,
    /// Pressure stall information.
    pub psi: Fact<Psi>,
    /// Swap areas.
    pub swap: Fact<Vec<Swap>>,
    /// Whether zswap compresses pages on their way to swap.
    pub zswap: Fact<bool>,
    /// The multi-generational LRU.
    pub mglru: Fact<Mglru>,
    /// NUMA nodes with memory.
    pub numa_nodes: Fact<Vec<u32>>,
}

impl Facts {
    /// Name and reason of each fact that was not read.
    #[must_use]
    pub fn unread(&self) -> Vec<(&'static str, &str)> {
        [
            ("capabilities", self.capabilities.reason()),
            ("initial_user_namespace", self.initial_user_namespace.reason()),
            ("initial_pid_namespace", self.initial_pid_namespace.reason()),
            ("lockdown", self.lockdown.reason()),
            ("btf", self.btf.reason()),
            ("tracefs", self.tracefs.reason()),
            ("unprivileged_bpf_disabled", self.unprivileged_bpf_disabled.reason()),
            ("dmesg_restrict", self.dmesg_restrict.reason()),
            ("perf_event_paranoid", self.perf_event_paranoid.reason()),
            ("memlock", self.memlock.reason()),
            ("memory_cgroup", self.memory_cgroup.reason()),
            ("psi", self.psi.reason()),
            ("swap", self.swap.reason()),
            ("zswap", self.zswap.reason()),
            ("mglru", self.mglru.reason()),
            ("numa_nodes", self.numa_nodes.reason()),
        ]
        .into_iter()
        .filter_map(|(name, reason)| Some((name, reason?)))
        .collect()
    }

    /// Major and minor number of the kernel: for words only, never to decide what is attached.
    #[must_use]
    pub fn kernel_version(&self) -> Option<(u32, u32)> {
        let mut numbers = self.kernel.split(|c: char| !c.is_ascii_digit()).map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    }
}
