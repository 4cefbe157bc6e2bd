//! `/proc/zoneinfo`: free memory of each zone against its watermarks.

use memtrace_core::session::input::Zone;

/// Path of the file.
pub const PATH: &str = "/proc/zoneinfo";

/// The zones that hold pages. A zone that lacks one of the values is left out.
#[must_use]
pub fn parse(text: &str) -> Vec<Zone> {
    let mut zones = Vec::new();
    let mut current: Option<Partial> = None;
    for line in text.lines() {
        if let Some(header) = line.strip_prefix("Node ") {
            zones.extend(current.take().and_then(Partial::finish));
            current = header.split_once(", zone").and_then(|(nid, name)| Some(Partial::new(nid.parse().ok()?, name)));
        } else if let Some(zone) = &mut current {
            zone.line(line.trim_start());
        }
    }
    zones.extend(current.and_then(Partial::finish));
    zones
}

#[derive(Default)]
struct Partial {
    nid: u32,
    name: String,
    free: Option<u64>,
    min: Option<u64>,
    low: Option<u64>,
    high: Option<u64>,
    managed: Option<u64>,
}

impl Partial {
    fn new(nid: u32, name: &str) -> Self {
        Self { nid, name: name.trim().to_owned(), ..Self::default() }
    }

    fn line(&mut self, line: &str) {
        // The per-CPU lists further down have `high:` with a colon, which is another word.
        let slot = match line.split_ascii_whitespace().next() {
            Some("pages") => &mut self.free,
            Some("min") => &mut self.min,
            Some("low") => &mut self.low,
            Some("high") => &mut self.high,
            Some("managed") => &mut self.managed,
            _ => return,
        };
        *slot = line.split_ascii_whitespace().next_back().and_then(|n| n.parse().ok());
    }

    fn finish(self) -> Option<Zone> {
        let managed_pages = self.managed.filter(|&n| n > 0)?;
        Some(Zone {
            nid: self.nid,
            name: self.name.into(),
            free_pages: self.free?,
            min_pages: self.min?,
            low_pages: self.low?,
            high_pages: self.high?,
            managed_pages,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Zone, parse};

    /// Two nodes as a 6.12 guest shows them, shortened to the lines of each form.
    const TWO_NODES: &str = "\
Node 0, zone      DMA
  per-node stats
      nr_inactive_anon 5341
      nr_free_cma  0
  pages free     3840
        boost    0
        min      176
        low      220
        high     264
        promo    308
        spanned  4095
        present  3998
        managed  3840
        cma      0
        protection: (0, 171, 171, 171, 171)
      nr_free_pages 3840
  pagesets
    cpu: 0
              count:    0
              high:     0
              batch:    1
              high_min: 0
              high_max: 0
  node_unreclaimable:  0
  start_pfn:           1
Node 0, zone   Normal
  pages free     0
        boost    0
        min      0
        low      0
        high     0
        spanned  0
        present  0
        managed  0
        cma      0
        protection: (0, 0, 0, 0, 0)
Node 1, zone    DMA32
  per-node stats
      nr_inactive_anon 21
  pages free     29120
        boost    512
        min      2048
        low      2560
        high     3072
        spanned  65504
        present  65504
        managed  44012
        cma      0
        protection: (0, 0, 0, 0, 0)
";

    #[test]
    fn two_nodes() {
        let zone = |nid, name: &str, [free, min, low, high, managed]: [u64; 5]| Zone {
            nid,
            name: name.into(),
            free_pages: free,
            min_pages: min,
            low_pages: low,
            high_pages: high,
            managed_pages: managed,
        };
        assert_eq!(
            parse(TWO_NODES),
            [zone(0, "DMA", [3840, 176, 220, 264, 3840]), zone(1, "DMA32", [29120, 2048, 2560, 3072, 44012])]
        );
    }

    #[test]
    fn a_zone_with_a_missing_value_is_left_out() {
        assert_eq!(parse("Node 0, zone Normal\n  pages free 1\n  min 1\n  managed 5\n"), []);
        assert_eq!(parse("junk\nNode x, zone y\nmanaged 1\n"), []);
    }
}
