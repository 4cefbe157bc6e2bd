//! Names of the allocation flags by bit. The numbers differ between kernels, so they are read from the running one.

use super::btf::Btf;
use memtrace_core::untrusted::Text;

/// First constant of the anonymous enum of bits, which serves as its name. The enum is there since 6.10 (772dd0342727,
/// mm: enumerate all gfp flags).
pub const FIRST_BIT: &[u8] = b"___GFP_DMA_BIT";

/// Bit and name (`__GFP_IO`) of each flag, from the enum of bits; empty when the kernel has no such enum.
#[must_use]
pub fn from_btf(btf: &Btf<'_>) -> Vec<(u32, Text)> {
    let constants = str::from_utf8(FIRST_BIT).ok().and_then(|name| btf.constants(name)).unwrap_or_default();
    let named = |(name, bit): (&[u8], u32)| {
        let name = str::from_utf8(name).ok()?.strip_prefix('_')?.strip_suffix("_BIT")?;
        (bit < 32 && name != "__GFP_LAST").then(|| (bit, name.into()))
    };
    constants.into_iter().filter_map(named).collect()
}

/// Bit and name of each flag from the `print fmt` of an event with gfp flags: `{( gfp_t)0x40u), "__GFP_IO"}`, since
/// 6.10 with shifts (772dd0342727).
#[must_use]
pub fn from_print_format(format: &str) -> Vec<(u32, Text)> {
    let Some(flags) = format.split_once("__print_flags(").map(|(_, rest)| rest) else { return Vec::new() };
    let entry = |entry: &str| {
        let (expression, name) = entry.split_once(", \"")?;
        let name = name.split('"').next().filter(|name| is_single(name))?;
        let value = single_hex(expression).or_else(|| single_shift(expression))?;
        value.is_power_of_two().then(|| (value.trailing_zeros(), format!("__{}", name.trim_start_matches('_')).into()))
    };
    flags.split('{').filter_map(entry).collect()
}

/// True for the name of a single flag; `GFP_DMA` and `GFP_DMA32` are such, though they look like sets.
fn is_single(name: &str) -> bool {
    name.starts_with("__GFP_") || name.starts_with("GFP_DMA")
}

/// The hexadecimal number in an expression that has exactly one.
fn single_hex(expression: &str) -> Option<u32> {
    let mut numbers = expression.split("0x").skip(1);
    let digits = numbers.next()?;
    if numbers.next().is_some() {
        return None;
    }
    let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
    u32::from_str_radix(&digits[..end], 16).ok()
}

/// The bit in an expression that has exactly one: `(1UL) << (6)`, as since Linux 6.10 (772dd0342727).
fn single_shift(expression: &str) -> Option<u32> {
    let mut shifts = expression.split("<< (").skip(1);
    let (digits, _) = shifts.next()?.split_once(')')?;
    let is_alone = shifts.next().is_none() && !expression.contains("0x");
    if is_alone { 1_u32.checked_shl(digits.parse().ok()?) } else { None }
}

#[cfg(test)]
mod tests {
    use super::from_print_format;

    #[test]
    fn single_flags_of_a_print_format() {
        let format = "print fmt: \"%s\", (REC->gfp_flags) ? __print_flags(REC->gfp_flags, \"|\", \
            {( unsigned long)((( gfp_t)(0x400u|0x800u)) | (( gfp_t)0x40u)), \"GFP_NOFS\"}, \
            {( unsigned long)(( gfp_t)0x01u), \"GFP_DMA\"}, {( unsigned long)(( gfp_t)0x20u), \"__GFP_HIGH\"}, {( unsigned long)(( gfp_t)0x40u), \"__GFP_IO\"}, \
            {( unsigned long)(( gfp_t)(0x400u|0x800u)), \"__GFP_RECLAIM\"}) : \"none\"";
        let names: Vec<_> =
            from_print_format(format).into_iter().map(|(bit, name)| format!("{bit} {}", name.tty())).collect();
        assert_eq!(names, ["0 __GFP_DMA", "5 __GFP_HIGH", "6 __GFP_IO"]);
        assert_eq!(from_print_format("print fmt: \"pid=%d\", REC->pid"), []);
        let shifted = "print fmt: \"%s\", (REC->gfp_flags) ? __print_flags(REC->gfp_flags, \"|\", \
            {( unsigned long)((( gfp_t)(((((1UL))) << (10))|((((1UL))) << (11)))) | (( gfp_t)((((1UL))) << (6)))), \"GFP_NOFS\"}, \
            {( unsigned long)(( gfp_t)((((1UL))) << (5))), \"__GFP_HIGH\"}, {( unsigned long)(( gfp_t)0), \"__GFP_NOLOCKDEP\"}, \
            {( unsigned long)(( gfp_t)(((((1UL))) << (10))|((((1UL))) << (11)))), \"__GFP_RECLAIM\"}, \
            {( unsigned long)(( gfp_t)((((1UL))) << (2))), \"GFP_DMA32\"}) : \"none\"";
        let names: Vec<_> =
            from_print_format(shifted).into_iter().map(|(bit, name)| format!("{bit} {}", name.tty())).collect();
        assert_eq!(names, ["5 __GFP_HIGH", "2 __GFP_DMA32"]);
    }
}
