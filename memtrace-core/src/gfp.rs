//! Names of allocation flags. Their bit numbers differ from kernel to kernel, so the table is the running kernel's.

use std::fmt;

use crate::untrusted::Text;

/// Names of masks of several bits, in the order in which the kernel looks for them, with the bits of each mask. A bit
/// after `?` belongs to the mask only on kernels that have it.
const COMPOSITES: [(&str, &[&str]); 14] = [
    (
        "GFP_TRANSHUGE",
        &[
            "__GFP_DIRECT_RECLAIM",
            "__GFP_IO",
            "__GFP_FS",
            "__GFP_HARDWALL",
            "__GFP_HIGHMEM",
            "__GFP_MOVABLE",
            "?__GFP_SKIP_KASAN",
            "__GFP_COMP",
            "__GFP_NOMEMALLOC",
            "__GFP_NOWARN",
        ],
    ),
    (
        "GFP_TRANSHUGE_LIGHT",
        &[
            "__GFP_IO",
            "__GFP_FS",
            "__GFP_HARDWALL",
            "__GFP_HIGHMEM",
            "__GFP_MOVABLE",
            "?__GFP_SKIP_KASAN",
            "__GFP_COMP",
            "__GFP_NOMEMALLOC",
            "__GFP_NOWARN",
        ],
    ),
    (
        "GFP_HIGHUSER_MOVABLE",
        &[
            "__GFP_DIRECT_RECLAIM",
            "__GFP_KSWAPD_RECLAIM",
            "__GFP_IO",
            "__GFP_FS",
            "__GFP_HARDWALL",
            "__GFP_HIGHMEM",
            "__GFP_MOVABLE",
            "?__GFP_SKIP_KASAN",
        ],
    ),
    (
        "GFP_HIGHUSER",
        &["__GFP_DIRECT_RECLAIM", "__GFP_KSWAPD_RECLAIM", "__GFP_IO", "__GFP_FS", "__GFP_HARDWALL", "__GFP_HIGHMEM"],
    ),
    ("GFP_USER", &["__GFP_DIRECT_RECLAIM", "__GFP_KSWAPD_RECLAIM", "__GFP_IO", "__GFP_FS", "__GFP_HARDWALL"]),
    ("GFP_KERNEL_ACCOUNT", &["__GFP_DIRECT_RECLAIM", "__GFP_KSWAPD_RECLAIM", "__GFP_IO", "__GFP_FS", "__GFP_ACCOUNT"]),
    ("GFP_KERNEL", &["__GFP_DIRECT_RECLAIM", "__GFP_KSWAPD_RECLAIM", "__GFP_IO", "__GFP_FS"]),
    ("GFP_NOFS", &["__GFP_DIRECT_RECLAIM", "__GFP_KSWAPD_RECLAIM", "__GFP_IO"]),
    ("GFP_ATOMIC", &["__GFP_HIGH", "?__GFP_ATOMIC", "__GFP_KSWAPD_RECLAIM"]),
    ("GFP_NOIO", &["__GFP_DIRECT_RECLAIM", "__GFP_KSWAPD_RECLAIM"]),
    ("GFP_NOWAIT", &["__GFP_KSWAPD_RECLAIM"]),
    ("GFP_DMA", &["__GFP_DMA"]),
    ("GFP_DMA32", &["__GFP_DMA32"]),
    ("__GFP_RECLAIM", &["__GFP_DIRECT_RECLAIM", "__GFP_KSWAPD_RECLAIM"]),
];

/// Names of allocation flags on one kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GfpNames {
    /// Masks and their names, in the order in which they are matched.
    names: Vec<(u32, Text)>,
}

impl GfpNames {
    /// A table from names by bit.
    #[must_use]
    pub fn from_list(bits: &[(u32, Text)]) -> Self {
        let mut names = [const { None }; 32];
        for (bit, name) in bits {
            if let Some(slot) = names.get_mut(*bit as usize) {
                *slot = Some(name.clone());
            }
        }
        Self::from_bits(&names)
    }

    /// A table from the name of each bit (`__GFP_IO`), `None` for a bit without a name. When no bit has a name, flags
    /// are rendered as a number.
    #[must_use]
    pub fn from_bits(bits: &[Option<Text>; 32]) -> Self {
        let bit =
            |name: &str| bits.iter().position(|bit| bit.as_ref().is_some_and(|bit| bit.is(name))).map(|at| 1_u32 << at);
        let mask = |parts: &[&str]| {
            parts.iter().try_fold(0, |mask, part| match part.strip_prefix('?') {
                Some(optional) => Some(mask | bit(optional).unwrap_or(0)),
                None => bit(part).map(|bit| mask | bit),
            })
        };
        let composites = COMPOSITES.iter().filter_map(|(name, parts)| Some((mask(parts)?, Text::from(*name))));
        let singles = bits.iter().enumerate().filter_map(|(at, name)| Some((1 << at, name.clone()?)));
        Self { names: composites.chain(singles).collect() }
    }

    /// The flags as the kernel's own `show_gfp_flags` renders them: `GFP_KERNEL|__GFP_NOWARN`. Bits without a name are
    /// in hexadecimal; no flags at all are `0`.
    #[must_use]
    pub const fn render(&self, gfp: u32) -> GfpFlags<'_> {
        GfpFlags { names: self, gfp }
    }
}

/// Allocation flags by name: see [`GfpNames::render`].
#[derive(Clone, Copy, Debug)]
pub struct GfpFlags<'a> {
    names: &'a GfpNames,
    gfp: u32,
}

impl fmt::Display for GfpFlags<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.gfp;
        let mut bar = "";
        for (mask, name) in &self.names.names {
            if rest & mask == *mask {
                rest &= !mask;
                write!(f, "{bar}{}", name.tty())?;
                bar = "|";
            }
        }
        match rest {
            0 if bar.is_empty() => f.write_str("0"),
            0 => Ok(()),
            rest => write!(f, "{bar}{rest:#x}"),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::GfpNames;

    /// The bits of an x86-64 kernel 6.12.
    pub(crate) fn names() -> GfpNames {
        let mut bits = [const { None }; 32];
        let known = [
            "DMA",
            "HIGHMEM",
            "DMA32",
            "MOVABLE",
            "RECLAIMABLE",
            "HIGH",
            "IO",
            "FS",
            "ZERO",
            "UNUSED",
            "DIRECT_RECLAIM",
            "KSWAPD_RECLAIM",
            "WRITE",
            "NOWARN",
            "RETRY_MAYFAIL",
            "NOFAIL",
            "NORETRY",
            "MEMALLOC",
            "COMP",
            "NOMEMALLOC",
            "HARDWALL",
            "THISNODE",
            "ACCOUNT",
            "ZEROTAGS",
        ];
        for (bit, name) in bits.iter_mut().zip(known) {
            *bit = Some(format!("__GFP_{name}").into());
        }
        GfpNames::from_bits(&bits)
    }

    #[test]
    fn flags_read_as_the_kernel_prints_them() {
        let names = names();
        for (gfp, text) in [
            (0, "0"),
            (0xcc0, "GFP_KERNEL"),
            (0x2cc0, "GFP_KERNEL|__GFP_NOWARN"),
            (0x10_0cca, "GFP_HIGHUSER_MOVABLE"),
            (0x40_0cc0, "GFP_KERNEL_ACCOUNT"),
            (0x10_0dca, "GFP_HIGHUSER_MOVABLE|__GFP_ZERO"),
            (0x1c_20ca, "GFP_TRANSHUGE_LIGHT"),
            (0x1c_24ca, "GFP_TRANSHUGE"),
            (0x820, "GFP_ATOMIC"),
            (0xc40, "GFP_NOFS"),
            (0x8000_0cc0, "GFP_KERNEL|0x80000000"),
        ] {
            assert_eq!(names.render(gfp).to_string(), text);
        }
        assert_eq!(GfpNames::default().render(0xcc0).to_string(), "0xcc0");
        assert_eq!(GfpNames::default().render(0).to_string(), "0");
    }
}
