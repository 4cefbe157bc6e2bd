//! Refaults by node. The hook that counts them by process does not report the node; the kernel's own counters do.

use std::{fs, path::Path};

use super::{pseudo_file::PseudoFile, vmstat::pairs};
use memtrace_core::session::input::NodeRefaults;

const NODES: &str = "/sys/devices/system/node";

/// The counters of each node, kept open between readings.
#[derive(Debug)]
pub struct NodeCounters(Vec<(u32, PseudoFile)>);

impl NodeCounters {
    /// Opens the counters of all nodes; none on a kernel without NUMA.
    #[must_use]
    pub fn open() -> Self {
        Self::under(Path::new(NODES))
    }

    fn under(dir: &Path) -> Self {
        let entries = fs::read_dir(dir).map(|entries| entries.flatten().collect()).unwrap_or_else(|_| Vec::new());
        let node = |entry: &fs::DirEntry| {
            let nid = entry.file_name().to_str()?.strip_prefix("node")?.parse().ok()?;
            Some((nid, PseudoFile::open(entry.path().join("vmstat")).ok()?))
        };
        let mut nodes: Vec<_> = entries.iter().filter_map(node).collect();
        nodes.sort_by_key(|(nid, _)| *nid);
        Self(nodes)
    }

    /// Refaults of each node since boot. A node whose counters cannot be read is left out.
    pub fn read(&mut self) -> Vec<NodeRefaults> {
        self.0.iter_mut().filter_map(|(nid, file)| parse(*nid, file.read().ok()?)).collect()
    }
}

fn parse(nid: u32, text: &str) -> Option<NodeRefaults> {
    let counter = |wanted: &str| pairs(text).find(|(name, _)| *name == wanted).map(|(_, count)| count);
    Some(NodeRefaults {
        nid,
        file_pages: counter("workingset_refault_file")?,
        anon_pages: counter("workingset_refault_anon")?,
    })
}

#[cfg(test)]
mod tests {
    use super::{NodeCounters, NodeRefaults, parse};

    #[test]
    fn a_node() {
        let text = "nr_free_pages 12\nworkingset_nodes 3\nworkingset_refault_anon 7\nworkingset_refault_file 190\n";
        assert_eq!(parse(1, text), Some(NodeRefaults { nid: 1, file_pages: 190, anon_pages: 7 }));
        assert_eq!(parse(1, "workingset_refault 3\n"), None);
    }

    #[test]
    fn this_host_has_a_node() {
        assert!(NodeCounters::open().read().iter().any(|node| node.nid == 0));
    }
}
