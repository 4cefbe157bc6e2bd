//! Nodes and zones in a summary: their state when direct stalls began, and the pages reclaimed from them.

use schemars::JsonSchema;
use serde::Serialize;

use memtrace_core::session::{nodes, summary::NodeReclaim, zones};

/// State of one zone when direct stalls began.
#[derive(Debug, JsonSchema, Serialize)]
pub struct ZoneStalls {
    /// Node of the zone.
    pub nid: u32,
    /// Name of the zone.
    pub zone: String,
    /// Direct stalls that began with fewer free pages than the min watermark of the zone.
    pub below_min: u64,
    /// Direct stalls that began from min to below low.
    pub below_low: u64,
    /// Direct stalls that began from low to below high.
    pub below_high: u64,
    /// Direct stalls that began at high or above.
    pub above_high: u64,
    /// Number of all these that began while the watermarks were boosted.
    pub boosted: u64,
    /// Number of those below min that began while the highest zone of another node was at its high watermark or above.
    pub plenty_elsewhere: u64,
    /// Free pages on average; null without a stall.
    pub mean_free_pages: Option<u64>,
    /// The fewest free pages; null without a stall, or when they were as few before.
    pub least_free_pages: Option<u64>,
}

impl ZoneStalls {
    pub(super) fn new(zone: &zones::ZoneStalls) -> Self {
        Self {
            nid: zone.nid,
            zone: zone.name.json(),
            below_min: zone.below_min,
            below_low: zone.below_low,
            below_high: zone.below_high,
            above_high: zone.above_high,
            boosted: zone.boosted,
            plenty_elsewhere: zone.plenty_elsewhere,
            mean_free_pages: zone.mean_free_pages(),
            least_free_pages: zone.least_free_pages,
        }
    }
}

/// State of the zones when direct stalls began.
#[derive(Debug, JsonSchema, Serialize)]
pub struct StallZones {
    /// The zones.
    pub zones: Vec<ZoneStalls>,
    /// Direct stalls for which some zone could not be read at the begin.
    pub unread: u64,
}

impl StallZones {
    pub(super) fn new(zones: &zones::StallZones) -> Self {
        Self { zones: zones.zones.iter().map(ZoneStalls::new).collect(), unread: zones.unread }
    }
}

/// Pages of one node scanned and reclaimed in stalls.
#[derive(Debug, JsonSchema, Serialize)]
pub struct NodeScans {
    /// The node.
    pub nid: u32,
    /// Pages scanned.
    pub scanned_pages: Option<u64>,
    /// Pages reclaimed.
    pub reclaimed_pages: Option<u64>,
}

impl NodeScans {
    pub(super) fn new(node: &NodeReclaim) -> Self {
        Self { nid: node.nid, scanned_pages: node.reclaim.scanned_pages, reclaimed_pages: node.reclaim.reclaimed_pages }
    }
}

/// Sleeps of all kswapds that ended or failed too soon.
#[derive(Debug, JsonSchema, Serialize)]
pub struct PrematureSleeps {
    /// `kswapd_low_wmark_hit_quickly`.
    pub low_wmark_hit_quickly: u64,
    /// `kswapd_high_wmark_hit_quickly`.
    pub high_wmark_hit_quickly: u64,
}

impl From<nodes::PrematureSleeps> for PrematureSleeps {
    fn from(sleeps: nodes::PrematureSleeps) -> Self {
        Self { low_wmark_hit_quickly: sleeps.low, high_wmark_hit_quickly: sleeps.high }
    }
}
