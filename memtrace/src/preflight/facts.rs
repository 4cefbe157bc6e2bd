//! The facts of the host. An unread one carries the reason, and is never taken for "no" or 0.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};

/// A value, or the reason why it could not be read. In JSON the value or null; the reasons are listed separately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact<T> {
    /// It was read.
    Known(T),
    /// It could not be read, for this reason.
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

    /// The reason, when it was not read.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Unread(reason) => Some(reason),
        }
    }
}

impl<T: PartialEq> Fact<T> {
    /// True if it was read and has this value.
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

/// Effective capabilities that memtrace can use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Capabilities {
    /// `CAP_BPF`: load programs and make maps (5.8 and later).
    pub bpf: bool,
    /// `CAP_PERFMON`: attach to tracepoints and read kernel memory (5.8 and later).
    pub perfmon: bool,
    /// `CAP_SYS_ADMIN`: accepted in place of `CAP_BPF` and `CAP_PERFMON`.
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
    /// Mount point.
    pub path: String,
    /// Reason why its events cannot be read; null when they can.
    pub unreadable: Option<String>,
}

/// State of kernel lockdown (`/sys/kernel/security/lockdown`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lockdown {
    /// Not locked down, or a kernel without lockdown.
    None,
    /// The running kernel must not be changed; BPF programs can still read kernel memory.
    Integrity,
    /// Kernel memory must not be read either, which includes reads by BPF programs.
    Confidentiality,
}

/// A limit in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Limit in bytes.
    Bytes(u64),
    /// No limit.
    Unlimited,
}

/// Medium of a swap area.
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
    /// Path of the device or file.
    pub name: String,
    /// Medium of the area.
    pub kind: SwapKind,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Used size in bytes.
    pub used_bytes: u64,
    /// Priority: areas with a higher one are filled first.
    pub priority: i32,
}

/// Pressure stall information.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Psi {
    /// `/proc/pressure/memory` can be read.
    On,
    /// Built in but switched off, or not built in: the kernel does not show which.
    Off,
}

/// The memory controller of control groups.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "path")]
pub enum Memcg {
    /// In a v1 hierarchy, mounted at this path.
    V1(String),
    /// In the unified hierarchy, mounted at this path.
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

/// The facts of the host, read before the first hook is tried.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Facts {
    /// Release of the kernel, such as `6.12.9-amd64`.
    pub kernel: String,
    /// Machine of the kernel, such as `x86_64`.
    pub machine: String,
    /// The running executable, for commands that name it.
    pub exe: String,
    /// Effective user id.
    pub uid: u32,
    /// Effective capabilities.
    pub capabilities: Fact<Capabilities>,
    /// True in the initial user namespace; in another one capabilities do not reach the kernel.
    pub initial_user_namespace: Fact<bool>,
    /// True in the initial pid namespace; in another one memtrace does not know its own pid as the kernel has it.
    pub initial_pid_namespace: Fact<bool>,
    /// Kernel lockdown.
    pub lockdown: Fact<Lockdown>,
    /// True if the kernel has type information (`/sys/kernel/btf/vmlinux`).
    pub btf: Fact<bool>,
    /// Mounted tracefs; null if there is none, or if it was not read.
    pub tracefs: Fact<Option<Tracefs>>,
    /// `kernel.unprivileged_bpf_disabled`.
    pub unprivileged_bpf_disabled: Fact<u32>,
    /// `kernel.dmesg_restrict`.
    pub dmesg_restrict: Fact<u32>,
    /// `kernel.perf_event_paranoid`.
    pub perf_event_paranoid: Fact<i32>,
    /// `RLIMIT_MEMLOCK`, the soft limit.
    pub memlock: Fact<Limit>,
    /// Hierarchy of the memory controller.
    pub memory_cgroup: Fact<Memcg>,
    /// Pressure stall information.
    pub psi: Fact<Psi>,
    /// Swap areas.
    pub swap: Fact<Vec<Swap>>,
    /// True if zswap compresses pages on their way to swap.
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

    /// Major and minor version of the kernel: for messages only, never to decide which hooks to attach.
    #[must_use]
    pub fn kernel_version(&self) -> Option<(u32, u32)> {
        let mut numbers = self.kernel.split(|c: char| !c.is_ascii_digit()).map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    }
}
