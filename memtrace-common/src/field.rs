//! Places of values for the kernel programs, as the loader finds them in the running kernel.

/// The place of one value: index of a raw argument (raw or BTF tracepoint) or byte offset in the record (classic
/// tracepoint).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArgSource {
    /// Argument index or byte offset.
    pub at: u16,
    /// Width of the value in bytes; 0 when the kernel has no such value, which is then unread.
    pub size: u16,
}

impl ArgSource {
    /// A value that the running kernel does not have.
    pub const UNREAD: Self = Self { at: 0, size: 0 };

    /// True when there is a value to read.
    #[inline(always)]
    #[must_use]
    pub const fn is_read(self) -> bool {
        self.size != 0
    }
}

/// Offset of a member in a kernel struct (or number of a bit), from BTF; [`MemberOffset::UNREAD`] when the kernel has
/// no such member.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberOffset(pub u32);

impl MemberOffset {
    /// A member that the running kernel does not have.
    pub const UNREAD: Self = Self(u32::MAX);

    /// The offset in bytes; `None` when the kernel has no such member.
    #[inline(always)]
    #[must_use]
    pub const fn offset(self) -> Option<u32> {
        if self.0 == u32::MAX { None } else { Some(self.0) }
    }
}
