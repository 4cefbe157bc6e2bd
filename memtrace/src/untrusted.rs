//! Text that another process chose: task names, cgroup paths, kernel log lines.
//!
//! It can hold escape sequences, newlines, bidirectional overrides or bytes that are not UTF-8. Its only ways out are
//! the renderers of [`Untrusted`], one per sink.

use std::fmt::{self, Write as _};

/// Bytes from another process, on the way to an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Untrusted<'a>(pub &'a [u8]);

impl Untrusted<'_> {
    /// For a terminal or a line of text: printable characters as they are, all others as visible escapes
    /// (`\x1b`, `\u{202e}`), a backslash doubled so that an escape cannot be forged.
    #[must_use]
    pub fn tty(&self) -> impl fmt::Display + use<'_> {
        Escaped(self.0)
    }

    /// For a JSON string. The same escapes: a JSON line often ends up on a terminal, and invalid UTF-8 needs a form.
    #[must_use]
    pub fn json(&self) -> String {
        self.tty().to_string()
    }
}

struct Escaped<'a>(&'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `pad` would need the whole text first; widths are the caller's business.
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '\\' => f.write_str("\\\\")?,
                    c if c.is_ascii_control() => write!(f, "\\x{:02x}", c as u32)?,
                    c if is_deceptive(c) => write!(f, "\\u{{{:x}}}", c as u32)?,
                    c => f.write_char(c)?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Characters that a terminal acts on or that hide: C1 controls, line separators, bidirectional controls, zero-width
/// and other format characters, combining marks that could pile up, private use.
fn is_deceptive(c: char) -> bool {
    matches!(u32::from(c),
        0x80..=0x9f | 0xad | 0x300..=0x36f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f
        | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x200b..=0x200f | 0x2028..=0x202f | 0x205f..=0x206f | 0x20d0..=0x20ff
        | 0x3164 | 0xe000..=0xf8ff | 0xfe00..=0xfe0f | 0xfe20..=0xfe2f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb
        | 0xe0000..=0xe0fff | 0xf0000..=0x10ffff)
}

#[cfg(test)]
mod tests {
    use super::Untrusted;

    fn tty(bytes: &[u8]) -> String {
        Untrusted(bytes).tty().to_string()
    }

    #[test]
    fn plain_names_stay() {
        assert_eq!(tty(b"java"), "java");
        assert_eq!(tty("größe-日本".as_bytes()), "größe-日本");
        assert_eq!(tty(b"</script>"), "</script>");
    }

    #[test]
    fn what_a_terminal_acts_on_is_shown() {
        assert_eq!(tty(b"\x1b[2Ja\nb\r"), "\\x1b[2Ja\\x0ab\\x0d");
        assert_eq!(tty("a\u{202e}b\u{200b}".as_bytes()), "a\\u{202e}b\\u{200b}");
        assert_eq!(tty("\u{9b}31m".as_bytes()), "\\u{9b}31m");
        assert_eq!(tty(b"\xff\xfex"), "\\xff\\xfex");
        assert_eq!(tty(b"\\x1b"), "\\\\x1b");
    }

    #[test]
    fn nothing_dangerous_is_left_of_any_character() {
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            let mut buffer = [0; 4];
            let out = tty(c.encode_utf8(&mut buffer).as_bytes());
            assert!(!out.chars().any(|c| c.is_control()), "{c:?}");
        }
    }
}
