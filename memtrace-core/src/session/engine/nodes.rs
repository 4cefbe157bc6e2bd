//! The summary of the nodes.

use super::Session;
use crate::session::{nodes::summary, summary::NodeSummary};

impl Session {
    /// All nodes whose kswapd is known.
    pub(super) fn nodes(&self) -> Vec<NodeSummary> {
        let scans_told = self.scans_told(&self.last.totals);
        let node = |(&nid, totals)| summary(nid, totals, &self.kswapds, scans_told, !self.has_placeless);
        self.last.totals.kswapd.iter().map(node).collect()
    }
}
