//! The terminal on stdout, and the screen on it. The only module that knows the terminal.

mod show;
mod tty;

use std::io::IsTerminal as _;

pub use self::{
    show::{Control, show},
    tty::leave_at_once,
};
use crate::{cli::TextArgs, screen::Look};
use memtrace_report::{output::Layout, text::Style};

/// Colours only for a terminal that wants them (<https://no-color.org>).
#[must_use]
pub fn style(no_color: bool) -> Style {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    Style { colour: !no_color && wanted && !dumb && std::io::stdout().is_terminal() }
}

/// True when a full screen can be shown: stdin and stdout are a terminal that can position text.
#[must_use]
pub fn can_show_screen() -> bool {
    let able = std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
    able && std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Means of drawing that the screen may use.
#[must_use]
pub fn look(no_color: bool) -> Look {
    Look { colour: style(no_color).colour, utf8: is_utf8() }
}

/// The layout of text on stdout, with this many rows in each table.
#[must_use]
pub fn layout(args: TextArgs, top: usize) -> Layout {
    Layout { style: style(args.no_color), width: width(), utf8: is_utf8(), top, follows: false }
}

/// Most columns and rows that are drawn on. No display shows more; a terminal may claim 65535 of each, for which no
/// host has the memory.
const MAX_SIZE: (u16, u16) = (1000, 500);

/// Columns and rows of the terminal on stdout, `MAX_SIZE` at most; 80 x 24 without a terminal or a known size.
#[must_use]
pub fn size() -> (u16, u16) {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
    size.map_or((80, 24), |size| (size.ws_col.min(MAX_SIZE.0), size.ws_row.min(MAX_SIZE.1)))
}

/// Columns of the terminal on stdout, those of `MAX_SIZE` at most; `None` without a terminal or a known size.
#[must_use]
pub fn width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0).then(|| usize::from(size.ws_col.min(MAX_SIZE.0)))
}

/// True when the locale allows text outside ASCII.
#[must_use]
pub fn is_utf8() -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
    let locale = locale.to_string_lossy().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}
