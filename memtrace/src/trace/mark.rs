//! What a trace says of the blocks of an experiment: which side held from when to when, with which settings.

use std::{fmt, str::FromStr};

use super::model::Setting;

/// One of the two sides of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The settings as they were, or those to compare with.
    A,
    /// The settings that are tried.
    B,
}

impl Side {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Its letter.
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
    /// Which side holds.
    pub side: Side,
    /// Which pair of blocks it belongs to, from 1.
    pub pair: u32,
    /// The settings of the side.
    pub settings: Vec<Setting>,
}

impl fmt::Display for BlockMark {
    /// `A 3`, and on lines of their own the settings: `vm.swappiness=60`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.side.letter(), self.pair)?;
        for setting in &self.settings {
            write!(f, "\n{}={}", setting.name, setting.value.as_deref().unwrap_or_default())?;
        }
        Ok(())
    }
}

impl FromStr for BlockMark {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut lines = text.split('\n');
        let (letter, pair) = lines.next().and_then(|head| head.split_once(' ')).ok_or(())?;
        let side = match letter {
            "A" => Side::A,
            "B" => Side::B,
            _ => return Err(()),
        };
        let setting = |line: &str| {
            let (name, value) = line.rsplit_once('=').ok_or(())?;
            Ok(Setting { name: name.to_owned(), value: Some(value.to_owned()) })
        };
        let settings = lines.map(setting).collect::<Result<_, ()>>()?;
        Ok(Self { side, pair: pair.parse().map_err(|_| ())?, settings })
    }
}

#[cfg(test)]
mod tests {
    use super::{BlockMark, Setting, Side};

    #[test]
    fn marks_come_back() {
        let setting = |name: &str, value: &str| Setting { name: name.to_owned(), value: Some(value.to_owned()) };
        for settings in [vec![], vec![setting("vm.swappiness", "60"), setting("cgroup:/a b=c:memory.high", "max")]] {
            let mark = BlockMark { side: Side::B, pair: 12, settings };
            assert_eq!(mark.to_string().parse(), Ok(mark));
        }
        for text in ["", "A", "C 1", "A x", "A -1", "A 1\nnothing", "a 1", "A 1 2"] {
            assert_eq!(text.parse::<BlockMark>(), Err(()), "{text}");
        }
    }
}
