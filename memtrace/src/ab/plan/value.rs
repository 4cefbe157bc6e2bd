//! Values of settings: as a person writes them, as their file shows them, and the one form in which both are compared.

use super::allow::{Kind, Unlimited};
use memtrace_core::units::size;

/// Values from here on mean "no limit" in v1, in bytes: the kernel shows the largest number of whole pages.
const V1_NONE: u64 = 1 << 62;
/// Longest value in bytes.
const LONGEST: usize = 256;

impl Kind {
    /// Parses the input of a person; the result is in the form used for comparison.
    ///
    /// # Errors
    /// When it is no value of this kind; the text says what is expected.
    pub fn parse(self, text: &str, page_bytes: u64) -> Result<String, String> {
        let not = |expected: String| format!("`{}` is not a valid value: expected {expected}", plain(text));
        match self {
            Self::Number(min, max) => {
                let value = match (text, max) {
                    ("y" | "Y", 1 | 7) => Some(max),
                    ("n" | "N", 1 | 7) => Some(0),
                    _ => digits(text),
                };
                let range = if max == u64::MAX { format!("{min} or more") } else { format!("{min} to {max}") };
                let value = value.filter(|value| (min..=max).contains(value));
                value.map(|value| value.to_string()).ok_or_else(|| not(format!("a whole number, {range}")))
            }
            Self::Numbers => {
                let all: Option<Vec<String>> =
                    text.split_ascii_whitespace().map(|part| digits(part).map(|n| n.to_string())).collect();
                all.filter(|all| !all.is_empty())
                    .map(|all| all.join(" "))
                    .ok_or_else(|| not("whole numbers separated by spaces, such as '256 256 32 0 0'".to_owned()))
            }
            Self::Limit(_) if text == "max" || text == "-1" => Ok("max".to_owned()),
            Self::Limit(_) => {
                let bytes = size::parse(text).map_err(|_| not("a size such as 512M or 2G, or max".to_owned()))?;
                Ok((bytes - bytes % page_bytes.max(1)).to_string())
            }
            Self::Bytes => size::parse(text)
                .map(|bytes| bytes.to_string())
                .map_err(|_| not("a size such as 512M or 2G (0: no limit)".to_owned())),
            Self::YesNo => match text {
                "Y" | "y" | "1" => Ok("Y".to_owned()),
                "N" | "n" | "0" => Ok("N".to_owned()),
                _ => Err(not("Y or N".to_owned())),
            },
            Self::Choice | Self::Name if is_word(text) => Ok(text.to_owned()),
            Self::Choice | Self::Name => Err(not("a word".to_owned())),
        }
    }

    /// Parses the content of the file, in the same form; `None` when it is no value of this kind.
    #[must_use]
    pub fn read(self, shown: &str) -> Option<String> {
        let shown = shown.trim();
        if shown.is_empty() || shown.len() > LONGEST {
            return None;
        }
        match self {
            Self::Number(..) | Self::Bytes => match shown.strip_prefix("0x") {
                Some(hexadecimal) => u64::from_str_radix(hexadecimal, 16).ok(),
                None => digits(shown),
            }
            .map(|value| value.to_string()),
            Self::Numbers => {
                let all: Option<Vec<String>> =
                    shown.split_ascii_whitespace().map(|part| digits(part).map(|n| n.to_string())).collect();
                all.map(|all| all.join(" "))
            }
            Self::Limit(_) if shown == "max" => Some("max".to_owned()),
            Self::Limit(_) => {
                digits(shown).map(|bytes| if bytes >= V1_NONE { "max".to_owned() } else { bytes.to_string() })
            }
            Self::Choice => {
                let chosen = shown.split_ascii_whitespace().find_map(|word| word.strip_prefix('[')?.strip_suffix(']'));
                chosen.filter(|word| is_word(word)).map(str::to_owned)
            }
            Self::YesNo => matches!(shown, "Y" | "N").then(|| shown.to_owned()),
            Self::Name => is_word(shown).then(|| shown.to_owned()),
        }
    }

    /// Text to write to the file for a value.
    #[must_use]
    pub fn written(self, value: &str) -> String {
        match self {
            Self::Limit(Unlimited::MinusOne) if value == "max" => "-1".to_owned(),
            _ => value.to_owned(),
        }
    }

    /// A value, for a person: a number of bytes in G, M or K where it is a whole number of them.
    #[must_use]
    pub fn shown(self, value: &str) -> String {
        let (Self::Limit(_) | Self::Bytes, Some(bytes)) = (self, digits(value)) else { return value.to_owned() };
        for (shift, unit) in [(30, "G"), (20, "M"), (10, "K")] {
            if bytes > 0 && bytes % (1 << shift) == 0 {
                return format!("{}{unit}", bytes >> shift);
            }
        }
        value.to_owned()
    }
}

/// A whole number without a sign.
fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'_' | b'-' | b'.');
    !text.is_empty() && text.len() <= 64 && text.bytes().all(plain)
}

/// Input of a person, made safe for a message.
pub(super) fn plain(text: &str) -> String {
    memtrace_core::untrusted::Untrusted(text.as_bytes()).tty().to_string()
}

#[cfg(test)]
mod tests {
    use super::{Kind, Unlimited};

    const V1: Kind = Kind::Limit(Unlimited::MinusOne);
    const V2: Kind = Kind::Limit(Unlimited::Max);

    #[test]
    fn what_is_written_and_what_is_shown_meet() {
        for (kind, text, shown, value) in [
            (Kind::Number(0, 200), "60", "60\n", "60"),
            (Kind::Number(0, 7), "y", "0x0007\n", "7"),
            (Kind::Numbers, "256  32 0", "256\t32\t0\n", "256 32 0"),
            (V2, "512M", "536870912\n", "536870912"),
            (V2, "max", "max\n", "max"),
            (V2, "100000001", "99999744", "99999744"),
            (V1, "max", "9223372036854771712\n", "max"),
            (V1, "-1", "9223372036854771712\n", "max"),
            (Kind::Choice, "never", "always madvise [never]\n", "never"),
            (Kind::Choice, "defer+madvise", "always defer [defer+madvise] madvise never", "defer+madvise"),
            (Kind::YesNo, "1", "Y\n", "Y"),
            (Kind::Name, "lz4", "lz4\n", "lz4"),
            (Kind::Bytes, "1G", "1073741824", "1073741824"),
        ] {
            assert_eq!(kind.parse(text, 4096).as_deref(), Ok(value), "{text}");
            assert_eq!(kind.read(shown).as_deref(), Some(value), "{shown}");
        }
        assert_eq!(
            (V1.written("max"), V2.written("max"), V1.written("4096")),
            ("-1".into(), "max".into(), "4096".into())
        );
        assert_eq!(
            (V2.shown("536870912"), V2.shown("4097"), V2.shown("max")),
            ("512M".into(), "4097".into(), "max".into())
        );
    }

    #[test]
    fn what_is_no_value_is_refused_with_what_is_expected() {
        for (kind, text, expected) in [
            (Kind::Number(0, 200), "201", "0 to 200"),
            (Kind::Number(0, 200), "-1", "whole number"),
            (Kind::Number(0, 200), "", "whole number"),
            (Kind::Number(0, 200), "60\n0", "whole number"),
            (Kind::Number(0, 200), "6e1", "whole number"),
            (Kind::Number(0, 200), "٣", "whole number"),
            (Kind::Number(0, u64::MAX), "99999999999999999999", "0 or more"),
            (Kind::Numbers, "1 x", "separated by"),
            (V2, "lots", "512M"),
            (Kind::YesNo, "maybe", "Y or N"),
            (Kind::Choice, "a b", "a word"),
            (Kind::Choice, "", "a word"),
            (Kind::Name, "../x", "a word"),
        ] {
            let error = kind.parse(text, 4096).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(!Kind::YesNo.parse("\x1b[2J", 4096).unwrap_err().contains('\x1b'));
        for (kind, shown) in
            [(Kind::Number(0, 9), ""), (Kind::Number(0, 9), "x"), (Kind::Choice, "always never"), (Kind::YesNo, "on")]
        {
            assert_eq!(kind.read(shown), None, "{shown}");
        }
    }
}
