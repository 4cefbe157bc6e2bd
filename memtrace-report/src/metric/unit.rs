//! Units: a value with its unit for a person, and a value that a person wrote.

use memtrace_core::units::duration as time;

use crate::number::{duration, percent, plain, rate, three_digits};

/// Unit of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number per second.
    PerSecond,
    /// A number per hour.
    PerHour,
    /// Seconds per second: the mean number of tasks.
    SecondsPerSecond,
    /// Seconds per GiB.
    SecondsPerGib,
    /// A time, in ns.
    Nanoseconds,
    /// A share, from 0 to 1; written in percent.
    Share,
    /// A number.
    Count,
    /// A ratio of two numbers.
    Ratio,
}

impl Unit {
    /// A value with its unit.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time that is not negative")]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::PerSecond => format!("{} /s", plain(value)),
            Self::PerHour => format!("{} /h", plain(value)),
            Self::SecondsPerSecond => format!("{} s/s", plain(value)),
            Self::SecondsPerGib => format!("{} s/GiB", plain(value)),
            Self::Nanoseconds => duration(value.round() as u64),
            Self::Share => format!("{} %", plain(value * 100.0)),
            Self::Count | Self::Ratio => plain(value),
        }
    }

    /// A value with its unit, for a column.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time that is not negative")]
    pub fn short(self, value: f64) -> String {
        match self {
            Self::PerSecond => rate(Some(value)),
            Self::SecondsPerSecond => format!("{}s/s", three_digits(value)),
            Self::Nanoseconds => duration(value.round() as u64),
            Self::Share => percent(Some(value)),
            Self::PerHour | Self::SecondsPerGib | Self::Count | Self::Ratio => self.show(value),
        }
    }

    /// The value that a person wrote; `None` when it is no value of this unit. The unit itself may be left out, but for
    /// a time and a share.
    #[must_use]
    pub fn parse(self, text: &str) -> Option<f64> {
        let without = |units: &[&str]| {
            let bare = units.iter().find_map(|unit| text.strip_suffix(unit)).unwrap_or(text);
            number(bare.trim_end())
        };
        match self {
            Self::PerSecond => without(&["/s"]),
            Self::PerHour => without(&["/h"]),
            Self::SecondsPerSecond => without(&["s/s", "/s", "s"]),
            Self::SecondsPerGib => without(&["s/GiB", "s"]),
            Self::Nanoseconds => {
                // `500 ms` as it is shown, and `500ms` as it is mostly written.
                let is_unit = |(_, unit): &(&str, &str)| unit.bytes().all(|b| b.is_ascii_alphabetic());
                let joined = text.split_once(' ').filter(is_unit).map(|(number, unit)| [number, unit].concat());
                Some(time::parse(joined.as_deref().unwrap_or(text)).ok()?.as_secs_f64() * 1e9)
            }
            Self::Share => number(text.strip_suffix('%')?.trim_end()).map(|percent| percent / 100.0),
            Self::Count | Self::Ratio => number(text),
        }
    }

    /// The values of this unit with an example, for a message.
    #[must_use]
    pub const fn expected(self) -> &'static str {
        match self {
            Self::PerSecond => "a number per second, such as 1000",
            Self::PerHour => "a number per hour, such as 2",
            Self::SecondsPerSecond => "seconds per second (the mean number of tasks), such as 0.5",
            Self::SecondsPerGib => "seconds per GiB, such as 0.5",
            Self::Nanoseconds => "a time, such as 500ms",
            Self::Share => "a share, such as 20%",
            Self::Count => "a number, such as 0",
            Self::Ratio => "a ratio, such as 1.5",
        }
    }
}

/// A plain number, not negative: no sign, no exponent, no infinity.
fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.') && text.bytes().any(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::Unit;

    const ALL: [Unit; 8] = [
        Unit::PerSecond,
        Unit::PerHour,
        Unit::SecondsPerSecond,
        Unit::SecondsPerGib,
        Unit::Nanoseconds,
        Unit::Share,
        Unit::Count,
        Unit::Ratio,
    ];

    #[test]
    fn a_value_that_is_shown_can_be_written() {
        for unit in ALL {
            let shown = unit.show(0.5 * if unit == Unit::Nanoseconds { 1e9 } else { 1.0 });
            let read = unit.parse(&shown).unwrap_or_else(|| panic!("{shown}"));
            assert_eq!(unit.show(read), shown);
        }
    }

    #[test]
    fn the_example_of_a_message_is_a_value() {
        for unit in ALL {
            let example = unit.expected().rsplit_once("such as ").unwrap().1;
            assert!(unit.parse(example).is_some(), "{example}");
        }
    }

    #[test]
    fn what_is_no_plain_number_is_no_value() {
        for unit in ALL {
            for bad in ["", "-1", "+1", "1e3", "nan", "inf", "0x10", "1 2", "%"] {
                assert_eq!(unit.parse(bad), None, "{bad}");
            }
        }
    }
}
