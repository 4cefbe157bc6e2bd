//! What is on the other side of stdout.

use std::io::IsTerminal as _;

use crate::lines::Style;

/// Colours only for a terminal that wants them (<https://no-color.org>).
#[must_use]
pub fn style(no_color: bool) -> Style {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    Style { colour: !no_color && wanted && !dumb && std::io::stdout().is_terminal() }
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
