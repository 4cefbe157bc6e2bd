//! Evictions, by a sample: the process that evicted a page which comes back, and the time that the page was away.

use core::mem::offset_of;

use crate::{
    field::MemberOffset,
    record::{COMM_LEN, Header},
};

/// Number of pages of a file, or of slots of swap, per sampled one: in each aligned block of this size a hash picks
/// one.
pub const SAMPLE_PAGES: u64 = 64;
/// Maximum number of evicted pages in the map. The pages evicted longest ago are replaced, and their refaults are not
/// reported.
pub const MAX_EVICTED: u32 = 16_384;
/// Maximum number of counters of evictions, one for each memory cgroup and for files and anonymous memory. The counters
/// without an eviction for the longest time are replaced, and distances that began before are not reported.
pub const MAX_EVICTING: u32 = 8192;
/// Bytes of a file name that are kept, with the NUL.
pub const NAME_LEN: usize = 32;

/// Members on the way from a folio (a page before 5.16) to its file.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvictionLayout {
    /// `folio.mapping`, in the words of a [`FolioHead`].
    pub mapping: MemberOffset,
    /// `folio.index`, in the words of a [`FolioHead`].
    pub index: MemberOffset,
    /// `address_space.host`.
    pub host: MemberOffset,
    /// `inode.i_ino`.
    pub ino: MemberOffset,
    /// `inode.i_sb`.
    pub sb: MemberOffset,
    /// `super_block.s_dev`.
    pub dev: MemberOffset,
    /// `inode.i_dentry.first`: the first name of the file.
    pub alias: MemberOffset,
    /// `folio.private`, which holds the swap entry of anonymous memory.
    pub slot: MemberOffset,
    /// `folio.memcg_data` (`page.mem_cgroup` on 5.10): the memory cgroup to which the page is charged.
    pub memcg: MemberOffset,
    /// Distance from the list entry in a dentry back to the pointer to its name: `d_alias` less `d_name.name`.
    pub name_before: MemberOffset,
}

impl EvictionLayout {
    /// Nothing known: no BTF.
    pub const UNREAD: Self = Self {
        mapping: MemberOffset::UNREAD,
        index: MemberOffset::UNREAD,
        host: MemberOffset::UNREAD,
        ino: MemberOffset::UNREAD,
        sb: MemberOffset::UNREAD,
        dev: MemberOffset::UNREAD,
        alias: MemberOffset::UNREAD,
        slot: MemberOffset::UNREAD,
        memcg: MemberOffset::UNREAD,
        name_before: MemberOffset::UNREAD,
    };

    /// True when files can be identified; a name may still be missing.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.mapping.0 == offset_of!(FolioHead, mapping) as u32
            && self.index.0 == offset_of!(FolioHead, index) as u32
            && self.host.offset().is_some()
            && self.ino.offset().is_some()
            && self.sb.offset().is_some()
            && self.dev.offset().is_some()
    }
}

/// Beginning of a folio (a page before 5.16), the same on all kernels from 5.10 to 7.2. It is read at once, since that
/// is done for every page of every file.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct FolioHead {
    /// `folio.flags`.
    pub flags: u64,
    /// `folio.lru`.
    pub lru: [u64; 2],
    /// `folio.mapping`.
    pub mapping: u64,
    /// `folio.index`.
    pub index: u64,
}

/// A sampled page came back.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "zerocopy", derive(zerocopy::FromBytes))]
pub struct RefaultRecord {
    /// `t_ns` is the time of the refault.
    pub header: Header,
    /// Time between eviction and refault, in ns.
    pub away_ns: u64,
    /// Sampled pages of the same type (of files, or anonymous) that were evicted meanwhile from the memory cgroup to
    /// which the page was charged; from all cgroups where that is not known.
    pub evicted_samples: u64,
    /// Inode number of the file; 0 for anonymous memory.
    pub ino: u64,
    /// Id of the memory cgroup of the task that brought it back.
    pub cgroup_id: u64,
    /// Device of the file, as the kernel keeps it (`dev_t`: 12 bits major, 20 bits minor).
    pub dev: u32,
    /// Process that brought it back.
    pub tgid: u32,
    /// Process that evicted it.
    pub evictor_tgid: u32,
    /// 1 when the evictor is a kernel thread (kswapd), else 0.
    pub evictor_is_kthread: u32,
    /// Bits of [`crate::record::fields`]: the cgroup and `evicted_samples` were read, and the page is anonymous memory.
    pub fields: u32,
    /// Explicit padding, 0.
    pub pad: u32,
    /// Name of the process that brought it back.
    pub comm: [u8; COMM_LEN],
    /// Name of the process that evicted it.
    pub evictor_comm: [u8; COMM_LEN],
    /// First name of the file, without folders, cut; all 0 when it was not read.
    pub name: [u8; NAME_LEN],
}

const _: () = assert!(size_of::<RefaultRecord>() == 16 + 4 * 8 + 6 * 4 + 2 * COMM_LEN + NAME_LEN);
