//! The summary of the nodes.

use super::Session;
use crate::session::{nodes::summary, summary::NodeSummary};

impl Session {
    /// All nodes whose kswapd is known.
    pub(super) fn nodes(&self) -> Vec<NodeSummary> {
        let scans_reported = self.scans_reported(&self.last.totals);
        let node = |(&nid, totals)| summary(nid, totals, &self.kswapds, scans_reported, !self.has_placeless);
        self.last.totals.kswapd.iter().map(node).collect()
    }
}
