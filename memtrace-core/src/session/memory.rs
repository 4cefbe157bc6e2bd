//! Memory and swap of the host at a tick: total and free sizes, and the kernel's counts.

use crate::sum;

/// Memory and swap. Values that could not be read are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All memory that the kernel manages (`MemTotal`), in bytes.
    pub total_bytes: Option<u64>,
    /// Memory available without swapping (`MemAvailable`, the kernel's estimate), in bytes.
    pub available_bytes: Option<u64>,
    /// All swap (`SwapTotal`), in bytes.
    pub swap_total_bytes: Option<u64>,
    /// Free swap (`SwapFree`), in bytes.
    pub swap_free_bytes: Option<u64>,
    /// Pages read from swap (`pswpin`): since boot in a sample, in the interval in a tick.
    pub swapped_in_pages: Option<u64>,
    /// Pages written to swap (`pswpout`), likewise.
    pub swapped_out_pages: Option<u64>,
    /// Memory allocated (`pgalloc_*`, pages of all zones), in bytes: since boot in a sample, in the interval in a tick.
    pub allocated_bytes: Option<u64>,
    /// Processes that the OOM killer killed (`oom_kill`, since 4.13: commit 8e675f7af507), likewise.
    pub oom_kills: Option<u64>,
}

impl Memory {
    /// Memory from `/proc/meminfo` in bytes and `/proc/vmstat` in pages of `page_bytes`, each as names with values;
    /// `None` when all values are missing. Without a page size (0) the allocated bytes are not known.
    pub fn of<'a>(
        meminfo: impl IntoIterator<Item = (&'a str, u64)>,
        vmstat: impl IntoIterator<Item = (&'a str, u64)>,
        page_bytes: u64,
    ) -> Option<Self> {
        let mut memory = Self::default();
        for (name, bytes) in meminfo {
            match name {
                "MemTotal" => memory.total_bytes = Some(bytes),
                "MemAvailable" => memory.available_bytes = Some(bytes),
                "SwapTotal" => memory.swap_total_bytes = Some(bytes),
                "SwapFree" => memory.swap_free_bytes = Some(bytes),
                _ => {}
            }
        }
        for (name, pages) in vmstat {
            match name {
                "pswpin" => memory.swapped_in_pages = Some(pages),
                "pswpout" => memory.swapped_out_pages = Some(pages),
                "oom_kill" => memory.oom_kills = Some(pages),
                // One counter per zone, in pages for all orders of allocation.
                _ if page_bytes > 0 && name.starts_with("pgalloc_") => {
                    sum::add(memory.allocated_bytes.get_or_insert(0), pages.saturating_mul(page_bytes));
                }
                _ => {}
            }
        }
        (memory != Self::default()).then_some(memory)
    }

    /// The present sizes, with the counts since `before`; without `before` the counts are not known.
    #[must_use]
    pub fn since(self, before: Option<&Self>) -> Self {
        let grown = |now: Option<u64>, of: fn(&Self) -> Option<u64>| Some(now?.saturating_sub(of(before?)?));
        Self {
            swapped_in_pages: grown(self.swapped_in_pages, |memory| memory.swapped_in_pages),
            swapped_out_pages: grown(self.swapped_out_pages, |memory| memory.swapped_out_pages),
            allocated_bytes: grown(self.allocated_bytes, |memory| memory.allocated_bytes),
            oom_kills: grown(self.oom_kills, |memory| memory.oom_kills),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Memory;

    #[test]
    fn what_is_not_there_is_not_read() {
        assert_eq!(Memory::of([("Buffers", 1)], [("pgfault", 2), ("pgalloc_normal", 3)], 0), None);
        let memory = Memory::of([("SwapTotal", 0), ("MemTotal", 9)], [("pswpin", 5)], 4096).unwrap();
        let want =
            Memory { total_bytes: Some(9), swap_total_bytes: Some(0), swapped_in_pages: Some(5), ..Memory::default() };
        assert_eq!(memory, want);
        assert_eq!(memory.since(None), Memory { swapped_in_pages: None, ..want });
        let later = Memory { swapped_in_pages: Some(12), swapped_out_pages: Some(1), ..want };
        assert_eq!(later.since(Some(&want)), Memory { swapped_in_pages: Some(7), ..want });
    }

    #[test]
    fn allocations_are_the_pages_of_all_zones() {
        let vmstat = |normal| [("pgalloc_dma32", 2), ("pgalloc_normal", normal), ("oom_kill", 1)];
        let [before, after] = [10, 13].map(|normal| Memory::of([], vmstat(normal), 4096).unwrap());
        assert_eq!(before.allocated_bytes, Some(12 * 4096));
        let grown = after.since(Some(&before));
        assert_eq!((grown.allocated_bytes, grown.oom_kills), (Some(3 * 4096), Some(0)));
    }
}
