//! Parsers of the small files that the facts come from.

use std::str::FromStr;

use super::facts::{Lockdown, Mglru, Swap, SwapKind};

/// Parses `none [integrity] confidentiality`: the word in brackets is the state.
pub(super) fn lockdown(text: &str) -> Option<Lockdown> {
    let (_, rest) = text.split_once('[')?;
    match rest.split_once(']')?.0 {
        "none" => Some(Lockdown::None),
        "integrity" => Some(Lockdown::Integrity),
        "confidentiality" => Some(Lockdown::Confidentiality),
        _ => None,
    }
}

/// `/proc/swaps`.
pub(super) fn swaps(text: &str) -> Option<Vec<Swap>> {
    text.lines().skip(1).map(swap).collect()
}

fn swap(line: &str) -> Option<Swap> {
    // Blanks in a name are written as octal escapes, so the columns hold.
    let mut columns = line.split_ascii_whitespace();
    let name = columns.next()?;
    let kind = match columns.next()? {
        "file" => SwapKind::File,
        _ if name.starts_with("/dev/zram") => SwapKind::Zram,
        _ => SwapKind::Disk,
    };
    let mut kilobytes = || columns.next()?.parse::<u64>().ok()?.checked_mul(1024);
    let (size_bytes, used_bytes) = (kilobytes()?, kilobytes()?);
    Some(Swap { name: name.to_owned(), kind, size_bytes, used_bytes, priority: columns.next()?.parse().ok()? })
}

/// `/sys/kernel/mm/lru_gen/enabled`: a mask whose first bit is the main switch.
pub(super) fn mglru(text: &str) -> Option<Mglru> {
    let mask = u32::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok()?;
    Some(if mask & 1 == 1 { Mglru::On } else { Mglru::Off })
}

/// A list such as `0-2,5`.
pub(super) fn list(text: &str) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    for range in text.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        // No kernel has more nodes than this.
        if last >= 1024 {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

/// A number on a line of its own.
pub(super) fn number<N: FromStr>(text: &str) -> Option<N> {
    text.trim().parse().ok()
}

/// Parses `Y` or `N`, the form of a module parameter.
pub(super) fn switch(text: &str) -> Option<bool> {
    match text.trim() {
        "Y" | "1" => Some(true),
        "N" | "0" => Some(false),
        _ => None,
    }
}

/// True if `/proc/self/uid_map` is that of the initial user namespace.
pub(super) fn initial_uid_map(text: &str) -> Option<bool> {
    let mut numbers = text.split_ascii_whitespace().map(str::parse::<u32>);
    let first = [numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?];
    Some(first == [0, 0, u32::MAX])
}

#[cfg(test)]
mod tests {
    use super::{Lockdown, Mglru, SwapKind, initial_uid_map, list, lockdown, mglru, number, swaps, switch};

    #[test]
    fn recorded() {
        assert_eq!(lockdown("none [integrity] confidentiality\n"), Some(Lockdown::Integrity));
        assert_eq!(lockdown("[none] integrity confidentiality\n"), Some(Lockdown::None));
        assert_eq!(lockdown("none integrity [confidentiality]\n"), Some(Lockdown::Confidentiality));
        assert_eq!((mglru("0x0007\n"), mglru("0x0006\n")), (Some(Mglru::On), Some(Mglru::Off)));
        assert_eq!(list("0-1,4\n"), Some(vec![0, 1, 4]));
        assert_eq!((switch("Y\n"), switch("N\n"), number("2\n")), (Some(true), Some(false), Some(2)));
        assert_eq!(initial_uid_map("         0          0 4294967295\n"), Some(true));
        assert_eq!(initial_uid_map("         0     100000      65536\n"), Some(false));
    }

    #[test]
    fn swap_areas() {
        let areas = swaps(
            "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n\
             /dev/zram0                              partition\t4194300\t\t1024\t\t100\n\
             /swap\\040file                          file\t\t2097148\t\t0\t\t-2\n\
             /dev/vda2                               partition\t524284\t\t0\t\t-3\n",
        )
        .unwrap();
        let kinds: Vec<_> = areas.iter().map(|area| (area.kind, area.used_bytes, area.priority)).collect();
        assert_eq!(kinds, [(SwapKind::Zram, 1 << 20, 100), (SwapKind::File, 0, -2), (SwapKind::Disk, 0, -3)]);
        assert_eq!(swaps("Filename Type Size Used Priority\n"), Some(vec![]));
    }

    #[test]
    fn other_forms_are_unread() {
        assert_eq!((lockdown("integrity"), lockdown("[x]"), mglru("7"), mglru("")), (None, None, None, None));
        assert_eq!((list(""), list("0-"), list("0-4294967295"), number::<u32>("-1")), (None, None, None, None));
        assert_eq!((swaps("x\n/dev/x partition a b c\n"), switch("?"), initial_uid_map("0 0")), (None, None, None));
    }
}
