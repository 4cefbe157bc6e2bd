//! Facts of a host that a comparison or a diagnosis needs: read at the start, and kept in each trace.

pub mod cgroups;
pub mod change;

use crate::{clock::Clock, untrusted::Text};

/// Three clocks read together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockReading {
    /// `CLOCK_MONOTONIC`, in ns: the clock of all times in a trace.
    pub monotonic_ns: u64,
    /// `CLOCK_BOOTTIME`, in ns: goes on while the host is suspended.
    pub boottime_ns: u64,
    /// `CLOCK_REALTIME`, in ns since 1970.
    pub realtime_ns: i64,
}

impl ClockReading {
    /// The time of day for any instant, in a zone. A reading of zeros, as of a trace whose beginning is lost, has none.
    #[must_use]
    pub fn clock(&self, zone: jiff::tz::TimeZone) -> Clock {
        let wall = || jiff::Timestamp::from_nanosecond(i128::from(self.realtime_ns)).unwrap_or_default();
        Clock { mono_ns: self.monotonic_ns, wall: (*self != Self::default()).then(wall), zone }
    }
}

/// A named setting or fact, as the kernel shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// Name of the setting: `vm.swappiness`, `transparent_hugepage/enabled`.
    pub name: Text,
    /// Value of the setting, as text without the newline at the end; `None` when it could not be read.
    pub value: Option<Text>,
}

impl Setting {
    /// True for a file of numbers that change by themselves (`zram0/mm_stat`): a statistic, not a setting.
    #[must_use]
    pub fn is_statistic(&self) -> bool {
        self.name.borrowed().rsplit_once(b'/').is_some_and(|(_, file)| file.is("mm_stat"))
    }
}

/// A swap area.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SwapArea {
    /// Device or file of the swap area.
    pub name: Text,
    /// `zram`, `disk` or `file`.
    pub kind: Text,
    /// Size of the swap area in bytes.
    pub size_bytes: u64,
    /// Used space at the start, in bytes.
    pub used_bytes: u64,
    /// Priority of the swap area.
    pub priority: i32,
}

/// Limits of a memory cgroup at the start, where it has any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CgroupLimits {
    /// Id of the cgroup.
    pub id: u64,
    /// Path of the cgroup below the mount.
    pub path: Text,
    /// The limits that are set, of `memory.max`, `memory.high`, `memory.low`, `memory.min`, `memory.swap.max`, or v1's
    /// `memory.limit_in_bytes`, `memory.soft_limit_in_bytes`, `memory.memsw.limit_in_bytes`.
    pub limits: Vec<Setting>,
}

/// Facts of a host that a comparison or a diagnosis needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// Host name.
    pub host: Text,
    /// Kernel release (`uname -r`).
    pub kernel: Text,
    /// Kernel version (`uname -v`).
    pub kernel_version: Text,
    /// Machine (`uname -m`).
    pub machine: Text,
    /// `/proc/sys/kernel/random/boot_id`; empty when not read.
    pub boot_id: Text,
    /// CPUs that are online.
    pub cpus: u32,
    /// NUMA nodes that are online.
    pub nodes: u32,
    /// `MemTotal` in bytes; `None` when not read.
    pub memory_bytes: Option<u64>,
    /// Page size in bytes.
    pub page_size_bytes: u64,
    /// Hierarchy of the memory controller: `v1`, `v2` or empty.
    pub memory_cgroup: Text,
    /// Swap areas.
    pub swap: Vec<SwapArea>,
    /// Every `vm.*` sysctl, by name.
    pub sysctls: Vec<Setting>,
    /// THP, MGLRU, zswap, zram, KSM: files below `/sys`, by a short name.
    pub settings: Vec<Setting>,
    /// Cgroups with a limit, at most a few hundred.
    pub cgroup_limits: Vec<CgroupLimits>,
    /// True when cgroups with a limit were left out of the list.
    pub cgroup_limits_cut: bool,
    /// Cgroups that were removed while a trace was recorded, with their last limits: the latest ones. Not stored in a
    /// trace, but derived from its remarks.
    pub departed_limits: Vec<CgroupLimits>,
    /// Names of the values of `/proc/vmstat` that a tick holds.
    pub vmstat_names: Vec<Text>,
    /// Names of the values of `/proc/meminfo` that a tick holds.
    pub meminfo_names: Vec<Text>,
}
