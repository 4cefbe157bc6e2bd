//! Numbers for a person: short, with their unit, three significant digits. Unread is `-`.

/// A duration: `950 us`, `3.21 ms`, `1.90 s`, `12.5 m`, `2.00 h`.
pub fn duration(ns: u64) -> String {
    /// Nanoseconds in a unit, its name, and the number up to which it is used: 999.5 us reads as 1.00 ms, not 1000 us.
    const UNITS: [(f64, &str, f64); 5] =
        [(1e3, "us", 999.5), (1e6, "ms", 999.5), (1e9, "s", 99.95), (60e9, "m", 59.95), (3600e9, "h", f64::INFINITY)];
    if ns == 0 {
        return "0 s".to_owned();
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits for a person")]
    let ns = ns as f64;
    let (unit, name, _) = UNITS.iter().find(|(unit, _, below)| ns / unit < *below).unwrap_or(&UNITS[4]);
    format!("{} {name}", three_digits(ns / unit))
}

/// A duration, `-` when there is none.
pub fn duration_or_dash(ns: Option<u64>) -> String {
    ns.map_or_else(dash, duration)
}

/// A count: `999`, `12.3k`, `4.50M`.
pub fn count(n: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits for a person")]
    if n < 10_000 { n.to_string() } else { scaled(n as f64) }
}

/// A count, `-` when it was not read.
pub(crate) fn count_or_dash(n: Option<u64>) -> String {
    n.map_or_else(dash, count)
}

/// A count of things: `1 stall`, `12.3k stalls`, `2 processes`.
pub fn things(n: u64, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{} {}", count(n), plural(thing)) }
}

/// The plural of a thing: `stalls`, `processes`.
pub(crate) fn plural(thing: &str) -> String {
    format!("{thing}{}", if thing.ends_with('s') { "es" } else { "s" })
}

/// A rate: `412/s`, `0.50/s`, `12.3k/s`.
pub fn rate(per_second: Option<f64>) -> String {
    per_second.map_or_else(dash, |r| {
        if r == 0.0 {
            "0/s".to_owned()
        } else if r < 9_999.5 {
            format!("{}/s", if r < 9.95 { three_digits(r) } else { format!("{r:.0}") })
        } else {
            format!("{}/s", scaled(r))
        }
    })
}

/// A share of 1: `45%`.
pub fn percent(share: Option<f64>) -> String {
    share.map_or_else(dash, |share| format!("{:.0}%", share * 100.0))
}

/// Bytes: `512 KiB`, `1.50 GiB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    #[expect(clippy::cast_precision_loss, reason = "three digits for a person")]
    let mut value = n as f64 / 1024.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if n < 1024 { format!("{n} B") } else { format!("{} {}", three_digits(value), UNITS[unit]) }
}

/// Bytes, `-` when not read.
pub fn bytes_or_dash(n: Option<u64>) -> String {
    n.map_or_else(dash, bytes)
}

/// A value, `-` when it was not read.
pub(crate) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(dash, |value| value.to_string())
}

fn dash() -> String {
    "-".to_owned()
}

fn scaled(n: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T")];
    let (unit, name) = UNITS.iter().find(|(unit, _)| n / unit < 999.5).unwrap_or(&UNITS[3]);
    format!("{}{name}", three_digits(n / unit))
}

/// `1.23`, `12.3`, `123`.
pub fn three_digits(value: f64) -> String {
    if value < 9.995 {
        format!("{value:.2}")
    } else if value < 99.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// Three significant digits, whatever the size: `0.0012`, `1.23`, `123`, `12.3M`.
pub fn plain(value: f64) -> String {
    let size = value.abs();
    match () {
        () if size == 0.0 => "0".to_owned(),
        () if size < 0.000_95 => format!("{value:.1e}"),
        () if size < 0.0995 => format!("{value:.4}"),
        () if size < 0.995 => format!("{value:.3}"),
        () if size < 9.95 => format!("{value:.2}"),
        () if size < 99.5 => format!("{value:.1}"),
        () if size < 99_999.5 => format!("{value:.0}"),
        () if size < 9_999_500.0 => format!("{:.1}k", value / 1e3),
        () => format!("{:.1}M", value / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, count, duration, percent, rate};

    #[test]
    fn durations_keep_three_digits() {
        for (ns, text) in [
            (0, "0 s"),
            (950_000, "950 us"),
            (999_600, "1.00 ms"),
            (3_210_000, "3.21 ms"),
            (45_200_000, "45.2 ms"),
            (1_900_000_000, "1.90 s"),
            (99_940_000_000, "99.9 s"),
            (750_000_000_000, "12.5 m"),
            (7_200_000_000_000, "2.00 h"),
        ] {
            assert_eq!(duration(ns), text);
        }
        assert_eq!(duration(u64::MAX), "5124096 h");
    }

    #[test]
    fn counts_rates_bytes() {
        assert_eq!([count(0), count(9_999), count(12_345), count(u64::MAX)], ["0", "9999", "12.3k", "18446744T"]);
        assert_eq!([rate(Some(0.0)), rate(Some(0.5)), rate(Some(411.7))], ["0/s", "0.50/s", "412/s"]);
        assert_eq!([rate(Some(12_345.0)), rate(None)], ["12.3k/s", "-"]);
        assert_eq!([percent(Some(0.451)), percent(None)], ["45%", "-"]);
        assert_eq!(
            [bytes(5), bytes(4096), bytes(3 << 29), bytes(u64::MAX)],
            ["5 B", "4.00 KiB", "1.50 GiB", "16777216 TiB"]
        );
    }
}
