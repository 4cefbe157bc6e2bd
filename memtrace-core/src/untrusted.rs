//! Text that somebody else chose: task names, cgroup paths, kernel log lines, file names, every string of a trace.
//!
//! Such text can hold escape sequences, newlines, bidirectional overrides or bytes that are not UTF-8. The only ways
//! to an output are the renderers of [`Untrusted`] (borrowed) and [`Text`] (owned), one per sink. Neither type is
//! `Display`, `Serialize` or a `str`; text is compared, matched and parsed here.

use std::{ffi::OsStr, fmt, str::FromStr, sync::Arc};

/// Bytes from another process, on the way to an output.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Untrusted<'a>(pub &'a [u8]);

impl<'a> Untrusted<'a> {
    /// For a terminal or a line of text: printable characters unchanged, all others as visible escapes (`\x1b`,
    /// `\u{202e}`). Backslashes are doubled so that an escape cannot be forged.
    #[must_use]
    pub const fn tty(&self) -> Escaped<'a> {
        Escaped(self.0)
    }

    /// For a JSON string. The same escapes: a JSON line often ends up on a terminal, and invalid UTF-8 needs a form.
    #[must_use]
    pub fn json(&self) -> String {
        self.tty().to_string()
    }

    /// The bytes themselves: to match them against a pattern, to look something up, to store them in a trace. Never for
    /// an output.
    #[must_use]
    pub const fn raw(self) -> &'a [u8] {
        self.0
    }

    /// True when it equals this known word.
    #[must_use]
    pub fn is(self, word: &str) -> bool {
        self.0 == word.as_bytes()
    }

    /// True when it is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// True when it contains this known word.
    #[must_use]
    pub fn contains(self, word: &str) -> bool {
        memchr::memmem::find(self.0, word.as_bytes()).is_some()
    }

    /// The text after a known beginning.
    #[must_use]
    pub fn strip_prefix(self, word: &str) -> Option<Self> {
        self.0.strip_prefix(word.as_bytes()).map(Untrusted)
    }

    /// The parts before and after the first byte `at`.
    #[must_use]
    pub fn split_once(self, at: u8) -> Option<(Self, Self)> {
        self.cut(memchr::memchr(at, self.0)?)
    }

    /// The parts before and after the last byte `at`.
    #[must_use]
    pub fn rsplit_once(self, at: u8) -> Option<(Self, Self)> {
        self.cut(memchr::memrchr(at, self.0)?)
    }

    /// True when, as a path, it is `above` or below it.
    #[must_use]
    pub fn is_path_below(self, above: Untrusted<'_>) -> bool {
        self.0.strip_prefix(above.0).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    }

    fn cut(self, at: usize) -> Option<(Self, Self)> {
        Some((Self(self.0.get(..at)?), Self(self.0.get(at + 1..)?)))
    }

    /// The lines, the last one with or without a newline at its end: at least one.
    pub fn lines(self) -> impl Iterator<Item = Self> {
        self.0.split(|&byte| byte == b'\n').map(Untrusted)
    }

    /// The value parsed from the text; `None` when it does not parse.
    #[must_use]
    pub fn parse<T: FromStr>(self) -> Option<T> {
        std::str::from_utf8(self.0).ok()?.parse().ok()
    }
}

impl fmt::Debug for Untrusted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.tty())
    }
}

/// [`Untrusted`] text that is kept. A clone shares the bytes.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Arc<[u8]>);

impl Text {
    /// The text, borrowed.
    #[must_use]
    pub fn borrowed(&self) -> Untrusted<'_> {
        Untrusted(&self.0)
    }

    /// As [`Untrusted::tty`].
    #[must_use]
    pub fn tty(&self) -> Escaped<'_> {
        self.borrowed().tty()
    }

    /// As [`Untrusted::json`].
    #[must_use]
    pub fn json(&self) -> String {
        self.borrowed().json()
    }

    /// As [`Untrusted::raw`]: never for an output.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.0
    }

    /// The form for a field of a trace that holds UTF-8 only: invalid bytes become U+FFFD.
    #[must_use]
    pub fn stored(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    /// True when it equals this known word.
    #[must_use]
    pub fn is(&self, word: &str) -> bool {
        self.borrowed().is(word)
    }

    /// True when it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.borrowed().fmt(f)
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into_bytes().into())
    }
}

impl From<Untrusted<'_>> for Text {
    fn from(text: Untrusted<'_>) -> Self {
        Self(text.0.into())
    }
}

/// The name of a file or a program, for a message.
pub fn shown_path(name: &(impl AsRef<OsStr> + ?Sized)) -> String {
    Untrusted(name.as_ref().as_encoded_bytes()).tty().to_string()
}

/// [`Untrusted`] text escaped for display: see [`Untrusted::tty`].
#[derive(Clone, Copy)]
pub struct Escaped<'a>(&'a [u8]);

impl fmt::Debug for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Untrusted(self.0).fmt(f)
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `pad` would need the whole text first; widths are the caller's business.
        for chunk in self.0.utf8_chunks() {
            // Nearly all text is plain: it is written as a whole, not by character.
            let mut rest = chunk.valid();
            while let Some((at, c)) = rest.char_indices().find(|&(_, c)| !is_plain(c)) {
                let (plain, from) = rest.split_at(at);
                f.write_str(plain)?;
                match c {
                    '\\' => f.write_str("\\\\")?,
                    c if c.is_ascii_control() => write!(f, "\\x{:02x}", c as u32)?,
                    c => write!(f, "\\u{{{:x}}}", c as u32)?,
                }
                rest = from.split_at(c.len_utf8()).1;
            }
            f.write_str(rest)?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// True for a character that is shown unchanged.
fn is_plain(c: char) -> bool {
    match c {
        ' '..='~' => c != '\\',
        c => !c.is_ascii_control() && !is_deceptive(c),
    }
}

/// Characters that a terminal acts on or that hide text: C1 controls, line separators, bidirectional controls,
/// zero-width and other format characters, combining marks that could pile up, private use.
fn is_deceptive(c: char) -> bool {
    matches!(u32::from(c),
        0x80..=0x9f | 0xad | 0x300..=0x36f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f
        | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x200b..=0x200f | 0x2028..=0x202f | 0x205f..=0x206f | 0x20d0..=0x20ff
        | 0x3164 | 0xe000..=0xf8ff | 0xfe00..=0xfe0f | 0xfe20..=0xfe2f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb
        | 0xe0000..=0xe0fff | 0xf0000..=0x10ffff)
}

#[cfg(test)]
mod tests {
    use super::{Text, Untrusted};

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
    fn text_is_matched_without_a_way_to_an_output() {
        let text = Text::from("vm.x\u{1b}=a=1\nb");
        let view = text.borrowed();
        assert!(view.contains("x\u{1b}") && !view.is("vm.x") && view.strip_prefix("vm.").is_some());
        assert_eq!(view.lines().count(), 2);
        let (name, value) = view.lines().next().and_then(|line| line.rsplit_once(b'=')).unwrap();
        assert_eq!((name.json(), value.parse::<u64>()), ("vm.x\\x1b=a".to_owned(), Some(1)));
        assert_eq!(format!("{text:?}"), "\"vm.x\\x1b=a=1\\x0ab\"", "a debug form is an output as well");
        assert_eq!(Text::from(&b"a\xff"[..]).stored(), "a\u{fffd}");
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
