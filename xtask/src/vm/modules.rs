//! The kernel modules that the guest must load, in order. Debian's packages ship no `modules.dep`, so the
//! `depends=` in each module is followed.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use flate2::read::GzDecoder;

use super::host::Host;
use super::stream::find;

/// A module, ready for `insmod`.
pub(crate) struct Module {
    /// Name of the module, with underscores.
    pub(crate) name: String,
    /// Object file, decompressed.
    pub(crate) object: Vec<u8>,
}

/// The wanted modules with their dependencies, each module after those it needs. Modules that are built in, or that
/// this kernel does not have, are left out. If a device is missing then, the guest reports it.
pub(crate) fn collect(host: &Host, directory: &Path, wanted: &[&str]) -> Result<Vec<Module>> {
    let mut index = HashMap::new();
    scan(directory, &mut index)?;
    let mut order = Vec::new();
    let mut seen = HashSet::new();
    for name in wanted {
        add(host, &index, &mut seen, &mut order, name)?;
    }
    Ok(order)
}

fn add(
    host: &Host,
    index: &HashMap<String, PathBuf>,
    seen: &mut HashSet<String>,
    order: &mut Vec<Module>,
    name: &str,
) -> Result<()> {
    let name = name.replace('-', "_");
    let Some(path) = index.get(&name) else { return Ok(()) };
    if !seen.insert(name.clone()) {
        return Ok(());
    }
    let object = read(host, path).with_context(|| format!("cannot read the module {}", path.display()))?;
    for needed in depends(&object) {
        add(host, index, seen, order, &needed)?;
    }
    order.push(Module { name, object });
    Ok(())
}

fn scan(directory: &Path, index: &mut HashMap<String, PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            scan(&entry.path(), index)?;
        } else if let Some((stem, "" | ".xz" | ".gz" | ".zst")) = name.split_once(".ko") {
            index.insert(stem.replace('-', "_"), entry.path());
        }
    }
    Ok(())
}

fn read(host: &Host, path: &Path) -> Result<Vec<u8>> {
    let by = |program: &str, package: &str| {
        Ok(host.must(Command::new(program).args(["-d", "-c", "-q"]).arg(path), package)?.stdout)
    };
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("xz") => by("xz", "xz-utils"),
        Some("zst") => by("zstd", "zstd"),
        Some("gz") => {
            let mut object = Vec::new();
            GzDecoder::new(fs::File::open(path)?).read_to_end(&mut object)?;
            Ok(object)
        }
        _ => Ok(fs::read(path)?),
    }
}

/// Dependencies of a module: the entry `depends=a,b` of its `.modinfo` strings.
fn depends(object: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = find(object, KEY) else { return Vec::new() };
    let value = object[at + KEY.len()..].split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(value).split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_come_out_of_modinfo() {
        assert_eq!(depends(b"\x7fELF\0license=GPL\0depends=jbd2,mbcache\0name=ext4\0"), ["jbd2", "mbcache"]);
        assert!(depends(b"\0depends=\0name=jbd2\0").is_empty());
        assert!(depends(b"no such entry").is_empty());
    }

    #[test]
    fn modules_are_loaded_after_what_they_need() {
        let tree = tempfile::tempdir().unwrap();
        let write = |name: &str, needs: &str| {
            fs::write(tree.path().join(name), format!("\0depends={needs}\0")).unwrap();
        };
        write("a-one.ko", "b_two,c");
        write("b-two.ko", "c");
        write("c.ko", "a_one"); // a circle must end too
        write("other.ko", "");
        let cache = tempfile::tempdir().unwrap();
        let host = Host::at(cache.path().to_owned()).unwrap();
        let order = collect(&host, tree.path(), &["a_one", "built_in", "c"]).unwrap();
        assert_eq!(order.iter().map(|module| module.name.as_str()).collect::<Vec<_>>(), ["c", "b_two", "a_one"]);
    }
}
