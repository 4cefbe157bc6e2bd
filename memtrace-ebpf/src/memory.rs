//! Reads kernel memory at members whose offsets the loader has from BTF.

use aya_ebpf::helpers::bpf_probe_read_kernel;
use memtrace_common::field::MemberOffset;

use crate::config::loaded;

/// A pointer to something in the kernel.
pub(crate) trait Memory: Copy {
    /// The value at a member; `None` when the kernel has no such member, the pointer is null or cannot be read.
    fn read<T: Copy>(self, member: &'static MemberOffset) -> Option<T>;
    /// The target of a pointer member.
    fn follow(self, member: &'static MemberOffset) -> Option<Self>;
    /// The member itself, which is an embedded struct.
    fn at(self, member: &'static MemberOffset) -> Option<Self>;
}

/// A kernel address, read through [`bpf_probe_read_kernel`].
#[derive(Clone, Copy)]
pub(crate) struct Address(pub u64);

impl Address {
    /// See [`Memory::read`].
    #[inline(always)]
    pub(crate) fn read<T>(self, member: &'static MemberOffset) -> Option<T> {
        let offset = loaded(member).offset()?;
        if self.0 == 0 {
            return None;
        }
        // SAFETY: probe_read_kernel checks the address.
        unsafe { bpf_probe_read_kernel((self.0 + u64::from(offset)) as *const T) }.ok()
    }

    /// See [`Memory::follow`].
    #[inline(always)]
    pub(crate) fn follow(self, member: &'static MemberOffset) -> Option<Self> {
        self.read::<u64>(member).map(Self)
    }
}

impl Memory for Address {
    #[inline(always)]
    fn read<T: Copy>(self, member: &'static MemberOffset) -> Option<T> {
        Self::read(self, member)
    }

    #[inline(always)]
    fn follow(self, member: &'static MemberOffset) -> Option<Self> {
        Self::follow(self, member)
    }

    #[inline(always)]
    fn at(self, member: &'static MemberOffset) -> Option<Self> {
        let offset = loaded(member).offset()?;
        if self.0 == 0 { None } else { Some(Self(self.0 + u64::from(offset))) }
    }
}

/// A pointer whose target type the verifier knows, such as an argument of a BTF tracepoint. It is read by plain loads,
/// which take a small part of the time of a helper call; a fault in them is handled by the kernel as in the helper.
#[derive(Clone, Copy)]
pub(crate) struct Typed(pub u64);

impl Memory for Typed {
    #[inline(always)]
    fn read<T: Copy>(self, member: &'static MemberOffset) -> Option<T> {
        let Self(at) = self.at(member)?;
        // SAFETY: the verifier has checked that the type has a value of this size at this offset.
        Some(unsafe { core::ptr::read_volatile(at as *const T) })
    }

    #[inline(always)]
    fn follow(self, member: &'static MemberOffset) -> Option<Self> {
        self.read::<u64>(member).map(Self)
    }

    #[inline(always)]
    fn at(self, member: &'static MemberOffset) -> Option<Self> {
        let offset = loaded(member).offset()?;
        if self.0 == 0 { None } else { Some(Self(self.0 + u64::from(offset))) }
    }
}
