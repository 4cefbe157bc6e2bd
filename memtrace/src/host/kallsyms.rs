//! The kernel's list of its symbols, read line by line: it has some 10 MB, of which only a few names are needed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, BufRead, BufReader},
};

const PATH: &str = "/proc/kallsyms";

/// The names of the functions that begin at these addresses, with their module in brackets where they are in one; an
/// address at which none begins, or that the kernel hides, is absent.
///
/// # Errors
/// When the list cannot be read.
pub fn functions_at(addresses: &BTreeSet<u64>) -> io::Result<BTreeMap<u64, String>> {
    named(BufReader::with_capacity(1 << 16, File::open(PATH)?), addresses)
}

fn named(mut list: impl BufRead, addresses: &BTreeSet<u64>) -> io::Result<BTreeMap<u64, String>> {
    let mut names = BTreeMap::new();
    let mut line = String::new();
    while names.len() < addresses.len() && list.read_line(&mut line)? > 0 {
        if let Some((address, name)) = function(&line).filter(|(address, _)| addresses.contains(address)) {
            // The first of several names at one address is the function's own, the others are aliases.
            names.entry(address).or_insert(name);
        }
        line.clear();
    }
    Ok(names)
}

/// Address and name of the line of a function (`ffffffff81000000 T _text`, a tab and `[module]` behind it).
fn function(line: &str) -> Option<(u64, String)> {
    let mut words = line.split_ascii_whitespace();
    let address = u64::from_str_radix(words.next()?, 16).ok()?;
    let is_code = matches!(words.next()?, "t" | "T" | "w" | "W");
    let name = words.next()?;
    let module = words.next().map(|module| format!(" {module}")).unwrap_or_default();
    is_code.then(|| (address, format!("{name}{module}")))
}

/// Reason why functions of the kernel will have no names; `None` when they will.
#[must_use]
pub fn kernel_unnamed() -> Option<String> {
    // Per-CPU symbols, which are the first ones, may be at 0.
    const LOOKED_AT: usize = 1000;
    let lines = File::open(PATH).map(|file| BufReader::new(file).lines().take(LOOKED_AT));
    match lines.and_then(Iterator::collect::<io::Result<Vec<String>>>) {
        Err(e) => Some(format!("{PATH} cannot be read ({e})")),
        Ok(lines) if lines.iter().any(|line| has_address(line)) => None,
        Ok(_) => Some(format!("{PATH} shows no addresses (no CAP_SYSLOG, or kernel.kptr_restrict is 2)")),
    }
}

/// True if a line shows an address: without the right to see them, all are 0.
fn has_address(line: &str) -> bool {
    line.split_whitespace().next().is_some_and(|address| address.bytes().any(|digit| digit != b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_functions_that_begin_there() {
        let list = "ffffffff81000000 T _text\nffffffff81000010 t super_cache_scan\nffffffff81000010 t alias\n\
                    ffffffff82000000 D data\n\nnonsense\nffffffffc0100000 t xfs_scan\t[xfs]\n";
        let asked = [0xffff_ffff_8100_0010, 0xffff_ffff_c010_0000, 0xffff_ffff_8200_0000, 1].into();
        let names = named(list.as_bytes(), &asked).unwrap();
        let want = [(0xffff_ffff_8100_0010, "super_cache_scan"), (0xffff_ffff_c010_0000, "xfs_scan [xfs]")];
        assert_eq!(names, want.map(|(address, name)| (address, name.to_owned())).into());
    }

    #[test]
    fn without_the_right_addresses_are_0() {
        assert!(has_address("ffffffff81000000 T _text"));
        assert!(!has_address("0000000000000000 T _text") && !has_address(""));
    }
}
