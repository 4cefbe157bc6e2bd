//! Sizes on the command line: a number of bytes, or with one of the units K, M, G (of 1024).

/// Reads a size such as `4096`, `64K`, `1.5G` or `256MiB`, in bytes.
///
/// # Errors
/// The given text and the expected form.
pub fn parse(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(expected(text)),
    };
    let value: f64 = number.parse().map_err(|_| expected(text))?;
    let bytes = value * (1_u64 << shift) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is at least 0 and at most 2^53")]
    (bytes <= (1_u64 << 53) as f64).then_some(bytes as u64).ok_or_else(|| format!("`{text}` is more than any disk has"))
}

/// The smallest ring: a few segments, each of which takes a few KiB when empty.
const LEAST_RING: u64 = 1 << 20;

/// Reads the size of a flight recorder's ring: at least 1 MiB.
///
/// # Errors
/// The given text and the expected form.
pub fn parse_ring(text: &str) -> Result<u64, String> {
    let bytes = parse(text)?;
    if bytes < LEAST_RING { Err(format!("`{text}` holds no segment: at least 1M is expected")) } else { Ok(bytes) }
}

fn expected(text: &str) -> String {
    format!("`{text}` is not a size: a number is expected, in bytes or with one of the units K, M, G (such as 256M)")
}

#[cfg(test)]
mod tests {
    use super::{parse, parse_ring};

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("0", 0), ("4096", 4096), ("64K", 65_536), ("1.5g", 3 << 29), ("256MiB", 256 << 20), ("1T", 1 << 40)]
        {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn a_ring_holds_segments() {
        assert_eq!(parse_ring("1M"), Ok(1 << 20));
        for text in ["0", "1", "1023K"] {
            assert!(parse_ring(text).unwrap_err().contains("at least 1M"), "{text}");
        }
    }

    #[test]
    fn not_sizes() {
        for text in ["", "M", "-1", "1X", "1e9", "1.2.3", "inf", "10 M", "٣"] {
            assert!(parse(text).unwrap_err().contains("is not a size"), "{text}");
        }
        assert!(parse("99999T").unwrap_err().contains("any disk"));
    }
}
