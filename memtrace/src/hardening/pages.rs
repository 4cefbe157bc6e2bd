//! Touches memory, so that its pages exist before memory is short. With `MCL_ONFAULT` a page is locked only once it was
//! touched.

use std::{hint::black_box, ptr};

/// Stack in bytes that the drain path needs at most, with room to spare; the main thread's stack grows on demand
/// otherwise.
const STACK_BYTES: usize = 256 * 1024;

/// The smallest page size there is.
const PAGE: usize = 4096;

/// Writes to each page of a pool without changing its content.
pub fn touch(pool: &mut [u8]) {
    for page in pool.chunks_mut(PAGE) {
        let byte = &raw mut page[0];
        // SAFETY: `byte` points into a slice that is exclusively borrowed; volatile, or the write of the same value
        // would be optimised away.
        unsafe { ptr::write_volatile(byte, ptr::read_volatile(byte)) };
    }
}

/// Gives the allocator's free memory back to the kernel: the memory that held the kernel's BTF is not needed again, and
/// would otherwise be locked. (musl gives large blocks back by itself.)
pub fn give_back_free() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the allocator's own function; it moves nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Touches the stack of the calling thread as deep as memtrace will need it.
#[inline(never)]
pub fn touch_stack() {
    let mut stack = [0_u8; STACK_BYTES];
    touch(&mut stack);
    black_box(&stack);
}

#[cfg(test)]
mod tests {
    #[test]
    fn touching_changes_nothing() {
        let mut pool: Vec<u8> = (0..10_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let before = pool.clone();
        super::touch(&mut pool);
        super::touch(&mut []);
        super::touch_stack();
        assert_eq!(pool, before);
    }
}
