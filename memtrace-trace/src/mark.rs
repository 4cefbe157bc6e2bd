//! Blocks of an experiment in a trace: the side in force, its begin and end, and its settings.

use super::model::Setting;
use memtrace_core::untrusted::{Text, Untrusted};

/// One of the two sides of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The settings as they were, or those to compare with.
    A,
    /// The settings that are tried.
    B,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Letter of the side.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::A => 'A',
            Self::B => 'B',
        }
    }
}

/// The text of a remark of kind [`BlockBegin`](super::model::RemarkKind::BlockBegin) or
/// [`BlockEnd`](super::model::RemarkKind::BlockEnd).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockMark {
    /// Side in force.
    pub side: Side,
    /// Number of the pair of blocks that it belongs to, from 1.
    pub pair: u32,
    /// The settings of the side.
    pub settings: Vec<Setting>,
}

impl BlockMark {
    /// The text of the remark: `A 3`, and on lines of their own the settings: `vm.swappiness=60`.
    #[must_use]
    pub fn to_text(&self) -> Text {
        let mut text = format!("{} {}", self.side.letter(), self.pair).into_bytes();
        for setting in &self.settings {
            let value = setting.value.as_ref().map_or(&b""[..], Text::raw);
            text.extend([b"\n", setting.name.raw(), b"=", value].concat());
        }
        text.into()
    }

    /// The block that the text of a remark describes; `None` when the text has another shape.
    #[must_use]
    pub fn of_text(text: &Text) -> Option<Self> {
        let mut lines = text.borrowed().lines();
        let (letter, pair) = lines.next()?.split_once(b' ')?;
        let side = [Side::A, Side::B].into_iter().find(|side| letter.is(side.letter().encode_utf8(&mut [0; 4])))?;
        let setting = |line: Untrusted<'_>| {
            let (name, value) = line.rsplit_once(b'=')?;
            Some(Setting { name: name.into(), value: Some(value.into()) })
        };
        let settings = lines.map(setting).collect::<Option<_>>()?;
        Some(Self { side, pair: pair.parse()?, settings })
    }
}

#[cfg(test)]
mod tests {
    use super::{BlockMark, Setting, Side};

    #[test]
    fn marks_come_back() {
        let setting = |name: &str, value: &str| Setting { name: name.into(), value: Some(value.into()) };
        for settings in [vec![], vec![setting("vm.swappiness", "60"), setting("cgroup:/a b=c:memory.high", "max")]] {
            let mark = BlockMark { side: Side::B, pair: 12, settings };
            assert_eq!(BlockMark::of_text(&mark.to_text()), Some(mark));
        }
        for text in ["", "A", "C 1", "A x", "A -1", "A 1\nnothing", "a 1", "A 1 2"] {
            assert_eq!(BlockMark::of_text(&text.into()), None, "{text}");
        }
    }
}
