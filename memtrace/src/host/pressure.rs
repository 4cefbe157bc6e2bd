//! `/proc/pressure/memory`.

use std::fs;

use memtrace_core::session::input::Pressure;

/// Path of the file.
pub const PATH: &str = "/proc/pressure/memory";

/// Memory pressure now.
///
/// # Errors
/// Text for the user, if PSI is off or the file has another form.
pub fn read() -> Result<Pressure, String> {
    let text = fs::read_to_string(PATH).map_err(|e| format!("{PATH}: {e}"))?;
    parse(&text).ok_or_else(|| format!("{PATH} is not what was expected"))
}

/// Parses the text of the file; `None` if it has another form.
#[must_use]
pub fn parse(text: &str) -> Option<Pressure> {
    let mut pressure = Pressure::default();
    let (mut some, mut full) = (false, false);
    for line in text.lines() {
        let (name, values) = line.split_once(' ')?;
        let (avg, total_ns, seen) = match name {
            "some" => (&mut pressure.some_avg, &mut pressure.some_total_ns, &mut some),
            "full" => (&mut pressure.full_avg, &mut pressure.full_total_ns, &mut full),
            _ => continue,
        };
        for value in values.split(' ') {
            let (key, value) = value.split_once('=')?;
            match key {
                "avg10" => avg[0] = value.parse().ok()?,
                "avg60" => avg[1] = value.parse().ok()?,
                "avg300" => avg[2] = value.parse().ok()?,
                "total" => *total_ns = value.parse::<u64>().ok()?.checked_mul(1000)?,
                _ => {}
            }
        }
        *seen = true;
    }
    (some && full).then_some(pressure)
}

#[cfg(test)]
mod tests {
    use super::{Pressure, parse};

    #[test]
    fn recorded() {
        let text =
            "some avg10=12.50 avg60=3.01 avg300=0.80 total=1234567\nfull avg10=1.00 avg60=0.50 avg300=0.10 total=89\n";
        let expected = Pressure {
            some_avg: [12.5, 3.01, 0.8],
            full_avg: [1.0, 0.5, 0.1],
            some_total_ns: 1_234_567_000,
            full_total_ns: 89_000,
        };
        assert_eq!(parse(text), Some(expected));
    }

    #[test]
    fn half_a_file_is_no_pressure() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"), None);
        assert_eq!(parse("some avg10=x\nfull avg10=0\n"), None);
    }
}
