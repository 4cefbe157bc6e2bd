//! Arithmetic that the compiler must leave unchanged, for the BPF verifier. The verifier follows each branch
//! separately, together with all following code, and it accepts only bounds that it sees. On other targets this is
//! plain arithmetic.

/// 1 when `a` is less than `b`, else 0, without a branch. Both are below 2^63.
#[inline(always)]
#[must_use]
pub fn below(a: u64, b: u64) -> u64 {
    #[cfg_attr(not(target_arch = "bpf"), expect(unused_mut, reason = "asm writes it"))]
    let mut sign = a.wrapping_sub(b);
    #[cfg(target_arch = "bpf")]
    // SAFETY: plain arithmetic on a register.
    unsafe {
        core::arch::asm!("{0} >>= 63", inout(reg) sign);
        sign
    }
    #[cfg(not(target_arch = "bpf"))]
    {
        sign >> 63
    }
}

/// `value & MASK`, even where the compiler could prove that the mask changes nothing.
#[inline(always)]
#[must_use]
pub fn masked<const MASK: u64>(value: u64) -> usize {
    #[cfg_attr(not(target_arch = "bpf"), expect(unused_mut, reason = "asm writes it"))]
    let mut value = value;
    #[cfg(target_arch = "bpf")]
    // SAFETY: plain arithmetic on a register. The compiler does not know the result, and masks once more below.
    unsafe {
        core::arch::asm!("{0} &= {mask}", inout(reg) value, mask = const MASK);
    }
    (value & MASK) as usize
}
