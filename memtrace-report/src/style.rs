//! Width and colour of a line.

use std::fmt::{self, Display};

/// Colouring of lines. Words or numbers carry the meaning of a colour, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Colour by terminal escapes.
    pub colour: bool,
}

/// A colour of a line.
#[derive(Clone, Copy)]
pub enum Colour {
    /// Red: it hurts now.
    Red,
    /// Yellow: worth a look.
    Yellow,
}

impl Style {
    /// The text in a colour, when there are colours.
    pub fn paint(self, text: impl Display, colour: Colour) -> String {
        let code = match colour {
            Colour::Red => 31,
            Colour::Yellow => 33,
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}

/// One cell of a row: padded or clipped to its width, so that the next one begins where its head does.
#[derive(Clone, Copy)]
pub enum Cell {
    /// Numbers: to the right.
    Right(usize),
    /// Words: to the left, clipped at the end.
    Left(usize),
    /// A path: to the left, clipped at its beginning, since its end is more specific.
    Path(usize),
    /// As long as it is.
    Free,
}

impl Cell {
    /// Width of the cell; `None` when it is as wide as its text.
    pub const fn width(self) -> Option<usize> {
        match self {
            Self::Right(width) | Self::Left(width) | Self::Path(width) => Some(width),
            Self::Free => None,
        }
    }

    /// Appends the text.
    pub fn write(self, out: &mut impl fmt::Write, text: &str) -> fmt::Result {
        let len = text.chars().count();
        match self {
            Self::Right(width) if len <= width => write!(out, "{text:>width$}"),
            Self::Left(width) | Self::Path(width) if len <= width => write!(out, "{text:<width$}"),
            Self::Right(width) | Self::Left(width) => {
                let kept: String = text.chars().take(width.saturating_sub(1)).collect();
                write!(out, "{kept}…")
            }
            Self::Path(width) => {
                let kept: String = text.chars().skip(len - width.saturating_sub(1)).collect();
                write!(out, "…{kept}")
            }
            Self::Free => out.write_str(text),
        }
    }
}
