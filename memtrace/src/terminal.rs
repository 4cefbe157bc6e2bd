//! What is on the other side of stdout, and the screen on it. The only room that knows the terminal.

mod show;
mod tty;

use std::io::IsTerminal as _;

pub use self::{
    show::{Control, show},
    tty::leave,
};
use crate::{lines::Style, screen::Look};

/// Colours only for a terminal that wants them (<https://no-color.org>).
#[must_use]
pub fn style(no_color: bool) -> Style {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    Style { colour: !no_color && wanted && !dumb && std::io::stdout().is_terminal() }
}

/// Whether a full screen can be shown: stdin and stdout are a terminal that knows how to place text.
#[must_use]
pub fn can_show_screen() -> bool {
    let able = std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
    able && std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// How the screen may be drawn.
#[must_use]
pub fn look(no_color: bool) -> Look {
    Look { colour: style(no_color).colour, utf8: is_utf8() }
}

/// Columns and rows of the terminal on stdout; 80 x 24 when it is none.
#[must_use]
pub fn size() -> (u16, u16) {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
    size.map_or((80, 24), |size| (size.ws_col, size.ws_row))
}

/// Columns of the terminal on stdout; `None` when it is none.
#[must_use]
pub fn width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0).then(|| usize::from(size.ws_col))
}

/// Whether text may hold more than ASCII, by the locale.
#[must_use]
pub fn is_utf8() -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
    let locale = locale.to_string_lossy().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}
