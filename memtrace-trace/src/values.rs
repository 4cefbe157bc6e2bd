//! Small values to messages, and back.

use memtrace_common::{kind::StallKind, refault::RefaultCounts};

use super::{
    optional::{difference, restore},
    wire,
};
use memtrace_core::{
    event::Comm,
    session::{
        input::{NodeRefaults, OpenStall, OwnCost, Pressure, Zone},
        sampled::Sampled,
    },
};

/// The kind with this number; `None` for one that this version does not know.
pub(super) fn kind(number: u32) -> Option<StallKind> {
    StallKind::from_u8(u8::try_from(number).ok()?)
}

pub(super) fn encode_pressure(pressure: &Pressure) -> wire::Pressure {
    // The kernel shows two decimals.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a percentage, in hundredths")]
    let hundredths = |share: &f64| (share * 100.0).round().clamp(0.0, f64::from(u32::MAX)) as u32;
    wire::Pressure {
        some_avg: pressure.some_avg.iter().map(hundredths).collect(),
        full_avg: pressure.full_avg.iter().map(hundredths).collect(),
        some_total_ns: pressure.some_total_ns,
        full_total_ns: pressure.full_total_ns,
    }
}

pub(super) fn decode_pressure(pressure: &wire::Pressure) -> Pressure {
    let shares = |column: &[u32]| [0, 1, 2].map(|at| column.get(at).map_or(0.0, |&share| f64::from(share) / 100.0));
    Pressure {
        some_avg: shares(&pressure.some_avg),
        full_avg: shares(&pressure.full_avg),
        some_total_ns: pressure.some_total_ns,
        full_total_ns: pressure.full_total_ns,
    }
}

pub(super) fn encode_zone(zone: &Zone) -> wire::Zone {
    wire::Zone {
        nid: zone.nid,
        name: zone.name.stored(),
        free_pages: zone.free_pages,
        min_pages: zone.min_pages,
        low_pages: zone.low_pages,
        high_pages: zone.high_pages,
        managed_pages: zone.managed_pages,
    }
}

pub(super) fn decode_zone(zone: &wire::Zone) -> Zone {
    Zone {
        nid: zone.nid,
        name: zone.name.as_str().into(),
        free_pages: zone.free_pages,
        min_pages: zone.min_pages,
        low_pages: zone.low_pages,
        high_pages: zone.high_pages,
        managed_pages: zone.managed_pages,
    }
}

/// The numbers of a zone, in the order of `Tick.zone_pages`.
pub(super) fn zone_pages(zone: &Zone) -> [u64; 5] {
    [zone.free_pages, zone.min_pages, zone.low_pages, zone.high_pages, zone.managed_pages]
}

pub(super) fn encode_open(stall: &OpenStall) -> wire::OpenStall {
    wire::OpenStall {
        pid: stall.pid,
        tid: stall.tid,
        comm: stall.comm.map(|comm| comm.bytes().to_vec()),
        kind: stall.kind as u32,
        begin_ns: stall.begin_ns,
    }
}

pub(super) fn decode_open(stall: &wire::OpenStall) -> Option<OpenStall> {
    Some(OpenStall {
        pid: stall.pid,
        tid: stall.tid,
        comm: stall.comm.as_deref().map(Comm::from),
        kind: kind(stall.kind)?,
        begin_ns: stall.begin_ns,
    })
}

pub(super) fn encode_sampled(sampled: Sampled) -> wire::Sampled {
    let Sampled { counted_ns, of_ns, windows } = sampled;
    wire::Sampled { counted_ns, of_ns, windows }
}

pub(super) fn decode_sampled(sampled: &wire::Sampled) -> Sampled {
    let wire::Sampled { counted_ns, of_ns, windows } = *sampled;
    Sampled { counted_ns, of_ns, windows }
}

pub(super) fn encode_refaults(now: RefaultCounts, base: RefaultCounts) -> wire::Refaults {
    wire::Refaults {
        file_pages: difference(now.file_pages, base.file_pages),
        anon_pages: difference(now.anon_pages, base.anon_pages),
        events: difference(now.events, base.events),
        activated_pages: difference(now.activated_pages, base.activated_pages),
        restored_pages: difference(now.restored_pages, base.restored_pages),
    }
}

pub(super) fn decode_refaults(now: &wire::Refaults, base: RefaultCounts) -> RefaultCounts {
    RefaultCounts {
        file_pages: restore(now.file_pages, base.file_pages),
        anon_pages: restore(now.anon_pages, base.anon_pages),
        events: restore(now.events, base.events),
        activated_pages: restore(now.activated_pages, base.activated_pages),
        restored_pages: restore(now.restored_pages, base.restored_pages),
    }
}

pub(super) fn encode_node(node: &NodeRefaults) -> wire::NodeRefaults {
    wire::NodeRefaults { nid: node.nid, file_pages: node.file_pages, anon_pages: node.anon_pages }
}

pub(super) fn decode_node(node: &wire::NodeRefaults) -> NodeRefaults {
    NodeRefaults { nid: node.nid, file_pages: node.file_pages, anon_pages: node.anon_pages }
}

pub(super) fn encode_own(own: OwnCost) -> wire::OwnCost {
    wire::OwnCost { cpu_ns: own.cpu_ns, rss_bytes: own.rss_bytes, bpf_ns: own.bpf_ns, bpf_runs: own.bpf_runs }
}

pub(super) fn decode_own(own: &wire::OwnCost) -> OwnCost {
    OwnCost { cpu_ns: own.cpu_ns, rss_bytes: own.rss_bytes, bpf_ns: own.bpf_ns, bpf_runs: own.bpf_runs }
}
