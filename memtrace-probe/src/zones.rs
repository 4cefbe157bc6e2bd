//! Zones that are read when a direct reclaim begins, and their layout in the kernel.

use memtrace_common::{
    field::MemberOffset,
    zone::{MAX_ZONES, ZoneLayout, ZoneLocation},
};

use super::btf::Btf;
use memtrace_core::hook::{Attached, HookId, HookStatus};

/// The kernel's list of zones.
pub(super) const PATH: &str = "/proc/zoneinfo";

/// A zone that holds pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Node of the zone.
    pub nid: u32,
    /// Number of the zone in its node (`enum zone_type`).
    pub index: u32,
    /// Name of the zone.
    pub name: String,
}

/// The zones that hold pages, from the text of `/proc/zoneinfo`: it lists all zones of a node in the order of their
/// numbers, including empty ones.
#[must_use]
pub fn of(text: &str) -> Vec<Watched> {
    let mut zones: Vec<Watched> = Vec::new();
    let mut current: Option<Watched> = None;
    for line in text.lines() {
        if let Some((nid, name)) = line.strip_prefix("Node ").and_then(|header| header.split_once(", zone")) {
            let Ok(nid) = nid.parse() else { continue };
            let index = current.as_ref().filter(|last| last.nid == nid).map_or(0, |last| last.index + 1);
            current = Some(Watched { nid, index, name: name.trim().to_owned() });
        } else if let (Some(zone), ["managed", pages]) =
            (&current, line.split_ascii_whitespace().collect::<Vec<_>>().as_slice())
            && pages.parse::<u64>().is_ok_and(|pages| pages > 0)
        {
            zones.push(zone.clone());
        }
    }
    zones
}

/// The zones that are read, in the order of nodes. When there are more than can be read, the main zones, the highest of
/// each node, come first, since most allocations are for them.
#[must_use]
pub fn watched(zones: &[Watched]) -> Vec<Watched> {
    let main = |zone: &Watched| is_main(zone, zones);
    let mut chosen: Vec<_> = zones.iter().filter(|zone| main(zone)).take(MAX_ZONES).collect();
    chosen.extend(zones.iter().filter(|zone| !main(zone)).take(MAX_ZONES - chosen.len()));
    chosen.sort_by_key(|zone| (zone.nid, zone.index));
    chosen.into_iter().cloned().collect()
}

fn is_main(zone: &Watched, zones: &[Watched]) -> bool {
    !zones.iter().any(|other| other.nid == zone.nid && other.index > zone.index)
}

/// Layout with these zones; with no zones when BTF lacks a member that is needed.
#[must_use]
pub(super) fn layout(base: ZoneLayout, zones: &[Watched]) -> ZoneLayout {
    let mut layout = ZoneLayout { count: 0, ..base };
    if missing(&base).is_some() {
        return layout;
    }
    for (at, (slot, zone)) in layout.zones.iter_mut().zip(zones).enumerate() {
        let elsewhere = zones.iter().zip(0..).filter(|(other, _)| other.nid != zone.nid && is_main(other, zones));
        let elsewhere = elsewhere.fold(0, |bits, (_, bit)| bits | 1_u32 << bit);
        *slot = ZoneLocation { nid: zone.nid, index: zone.index, elsewhere };
        layout.count = u32::try_from(at + 1).unwrap_or(0);
    }
    layout
}

/// The first needed member that BTF lacks.
fn missing(layout: &ZoneLayout) -> Option<&'static str> {
    let members = [
        (layout.kthread, "task_struct.worker_private"),
        (layout.kthread_data, "kthread.data"),
        (layout.kswapd, "pglist_data.kswapd"),
        (layout.node_id, "pglist_data.node_id"),
        (layout.node_zones, "pglist_data.node_zones"),
        (layout.free, "zone.vm_stat"),
        (layout.watermarks, "zone._watermark"),
    ];
    members.into_iter().find(|(member, _)| member.offset().is_none()).map(|(_, name)| name)
}

/// True when all needed members are known.
pub(super) fn are_known(layout: &ZoneLayout) -> bool {
    missing(layout).is_none()
}

/// Layout of nodes and zones, from BTF, without a list of zones.
#[must_use]
pub fn of_btf(btf: &Btf<'_>) -> ZoneLayout {
    let find = |name: &str, member: &str| btf.member(name, member).map(|place| MemberOffset(place.bits / 8));
    let member = |name: &str, member: &str| find(name, member).unwrap_or(MemberOffset::UNREAD);
    let free = || {
        let counter = btf.constant("zone_stat_item", "NR_FREE_PAGES")?.checked_mul(8)?;
        Some(MemberOffset(find("zone", "vm_stat")?.0.checked_add(counter)?))
    };
    ZoneLayout {
        zone_bytes: btf.struct_size("zone").unwrap_or(0),
        kthread: find("task_struct", "worker_private").unwrap_or_else(|| member("task_struct", "set_child_tid")),
        kthread_data: member("kthread", "data"),
        kswapd: member("pglist_data", "kswapd"),
        node_id: member("pglist_data", "node_id"),
        failures: member("pglist_data", "kswapd_failures"),
        node_zones: member("pglist_data", "node_zones"),
        free: free().unwrap_or(MemberOffset::UNREAD),
        watermarks: member("zone", "_watermark"),
        boost: member("zone", "watermark_boost"),
        ..ZoneLayout::UNREAD
    }
}

/// Status of the reading of zones, as a row among the hooks: it is no hook, but fails for similar reasons.
pub(super) fn status(layout: &ZoneLayout, btf: Result<(), String>) -> HookStatus {
    let attached = match (btf, missing(layout), layout.count) {
        (Err(why), ..) => Attached::No(why),
        (_, Some(member), _) => Attached::No(format!("BTF has no {member}")),
        (.., 0) => Attached::No(format!("{PATH} lists no zone")),
        _ => Attached::Memory,
    };
    HookStatus {
        id: HookId::Zones,
        name: "pglist_data",
        gives: "free pages and watermarks of each zone when a direct stall begins",
        without: "the state of the zones at the begin of direct stalls is unread",
        required: false,
        kind: None,
        attached,
        unread: Vec::new(),
        verified_instructions: None,
        took_ns: 0,
    }
}

#[cfg(test)]
mod tests {
    use memtrace_common::{
        field::MemberOffset,
        zone::{ZoneLayout, ZoneLocation},
    };

    use super::{Watched, layout, of, watched};

    const TWO_NODES: &str = "\
Node 0, zone      DMA
  pages free     3840
        managed  3840
Node 0, zone    DMA32
        managed  40000
Node 0, zone   Normal
        managed  0
Node 1, zone      DMA
        managed  0
Node 1, zone    DMA32
        managed  44012
Node 1, zone   Normal
";

    fn zone(nid: u32, index: u32, name: &str) -> Watched {
        Watched { nid, index, name: name.to_owned() }
    }

    #[test]
    fn zones_have_the_number_of_their_place_in_the_list() {
        assert_eq!(of(TWO_NODES), [zone(0, 0, "DMA"), zone(0, 1, "DMA32"), zone(1, 1, "DMA32")]);
        assert_eq!(of("Node x, zone y\nmanaged 5\n"), []);
    }

    #[test]
    fn the_main_zones_of_other_nodes_are_elsewhere() {
        let known = ZoneLayout {
            kthread: MemberOffset(1),
            kthread_data: MemberOffset(1),
            kswapd: MemberOffset(1),
            node_id: MemberOffset(1),
            node_zones: MemberOffset(1),
            free: MemberOffset(1),
            watermarks: MemberOffset(1),
            ..ZoneLayout::UNREAD
        };
        let found = layout(known, &of(TWO_NODES));
        let place = |nid, index, elsewhere| ZoneLocation { nid, index, elsewhere };
        assert_eq!(found.count, 3);
        assert_eq!(found.zones[..3], [place(0, 0, 0b100), place(0, 1, 0b100), place(1, 1, 0b010)]);
        assert_eq!(layout(ZoneLayout::UNREAD, &of(TWO_NODES)).count, 0);
    }

    #[test]
    fn of_many_nodes_the_main_zones_are_looked_at() {
        let mut all = vec![zone(0, 0, "DMA"), zone(0, 1, "DMA32")];
        all.extend((0..7).map(|nid| zone(nid, 2, "Normal")));
        let some = watched(&all);
        assert_eq!((some.len(), &some[0], &some[1]), (8, &zone(0, 0, "DMA"), &zone(0, 2, "Normal")));
        all.extend((7..12).map(|nid| zone(nid, 2, "Normal")));
        assert!(watched(&all).iter().all(|zone| zone.index == 2 && zone.nid < 8));
    }
}
