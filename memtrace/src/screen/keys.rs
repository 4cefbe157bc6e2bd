//! The key map: one table, from which keys are read and the help and the footer are made.

/// A key, independent of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// A character with Ctrl.
    Ctrl(char),
    /// Return.
    Enter,
    /// Escape.
    Esc,
    /// Delete to the left.
    Backspace,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// To the beginning.
    Home,
    /// To the end.
    End,
}

/// Action of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// End with the summary.
    Quit,
    /// Show or hide the help.
    Help,
    /// Type a filter.
    Filter,
    /// Sort by the next column.
    SortNext,
    /// Sort by the column before.
    SortBefore,
    /// Reverse the order.
    SortReverse,
    /// Pause or resume the display.
    Pause,
    /// Rows for the next kind of object.
    Group,
    /// Details of the row.
    Details,
    /// Close what is open: details, filter, help.
    Close,
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// Ten rows up.
    PageUp,
    /// Ten rows down.
    PageDown,
    /// The first row.
    First,
    /// The last row.
    Last,
    /// The heat map alone, or with the rest again.
    Expand,
    /// One interval back in time.
    Earlier,
    /// One interval forward.
    Later,
    /// Back to now.
    Now,
    /// To the OOM kill before.
    OomBefore,
    /// To the next OOM kill.
    OomAfter,
    /// Type a time to go to.
    GoTo,
    /// To the worst interval that is kept.
    Worst,
    /// Begin to record to a file, or end it.
    Record,
    /// Save the last ten minutes to a file.
    Save,
    /// Shorter intervals.
    Faster,
    /// Longer intervals.
    Slower,
    /// A page, from 1.
    Page(u8),
    /// Stop the process until SIGCONT.
    Suspend,
    /// Draw everything again.
    Redraw,
}

/// One line of the key map.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// The keys.
    pub keys: &'static [Key],
    /// Names of the keys, as shown.
    pub shown: &'static str,
    /// Action of the keys.
    pub action: Action,
    /// Description of the action.
    pub what: &'static str,
    /// The word in the footer; empty when it is in the help only.
    pub short: &'static str,
}

const fn bind(
    keys: &'static [Key],
    shown: &'static str,
    action: Action,
    what: &'static str,
    short: &'static str,
) -> Binding {
    Binding { keys, shown, action, what, short }
}

/// The key map, in the order of the help.
pub const BINDINGS: &[Binding] = &[
    bind(&[Key::Char('q'), Key::Ctrl('c')], "q ^C", Action::Quit, "quit and print the summary", "quit"),
    bind(&[Key::Char('?'), Key::Char('h')], "? h", Action::Help, "this help", "help"),
    bind(&[Key::Char('/')], "/", Action::Filter, "filter: TEXT pid:N cgroup:TEXT kind:K >10ms", "filter"),
    bind(&[Key::Char('s'), Key::Char('>')], "s >", Action::SortNext, "sort by the next column", "sort"),
    bind(&[Key::Char('<')], "<", Action::SortBefore, "sort by the previous column", ""),
    bind(&[Key::Char('S')], "S", Action::SortReverse, "reverse the order", ""),
    bind(&[Key::Char(' '), Key::Char('f')], "space f", Action::Pause, "pause or play; tracing continues", "pause"),
    bind(&[Key::Char('g')], "g", Action::Group, "group by process, thread, cgroup, node...", "group"),
    bind(&[Key::Enter], "enter", Action::Details, "details of the row", ""),
    bind(&[Key::Esc], "esc", Action::Close, "close details, help, filter; back to now", ""),
    bind(&[Key::Up, Key::Char('k')], "up k", Action::Up, "one row up", ""),
    bind(&[Key::Down, Key::Char('j')], "down j", Action::Down, "one row down", ""),
    bind(&[Key::PageUp], "pgup", Action::PageUp, "ten rows up", ""),
    bind(&[Key::PageDown], "pgdn", Action::PageDown, "ten rows down", ""),
    bind(&[Key::Home], "home", Action::First, "the first row", ""),
    bind(&[Key::End], "end", Action::Last, "the last row", ""),
    bind(&[Key::Char('e')], "e", Action::Expand, "heat map alone, or all panels", ""),
    bind(&[Key::Char('t'), Key::Left], "t left", Action::Earlier, "one interval back (pauses)", "back"),
    bind(&[Key::Char('T'), Key::Right], "T right", Action::Later, "one interval forward", ""),
    bind(&[Key::Char('n')], "n", Action::Now, "back to now; to the end of a recording", ""),
    bind(&[Key::Char('o')], "o", Action::OomBefore, "to the previous OOM kill", ""),
    bind(&[Key::Char('O')], "O", Action::OomAfter, "to the next OOM kill", ""),
    bind(&[Key::Char('@')], "@", Action::GoTo, "to a time: 13:05:10, 90s, -30s", ""),
    bind(&[Key::Char('w')], "w", Action::Worst, "to the worst interval in memory", ""),
    bind(&[Key::Char('r')], "r", Action::Record, "start or stop recording to a file", ""),
    bind(&[Key::Char('x')], "x", Action::Save, "save the last ten minutes to a file", "x save"),
    bind(&[Key::Char('+'), Key::Char('=')], "+", Action::Faster, "shorter intervals (100 ms); play faster", ""),
    bind(&[Key::Char('-')], "-", Action::Slower, "longer intervals (10 s); play slower", ""),
    bind(&[Key::Char('1')], "1", Action::Page(1), "overview", "1-5 pages"),
    bind(&[Key::Char('2')], "2", Action::Page(2), "tasks", ""),
    bind(&[Key::Char('3')], "3", Action::Page(3), "nodes", ""),
    bind(&[Key::Char('4')], "4", Action::Page(4), "OOM kills", ""),
    bind(&[Key::Char('5')], "5", Action::Page(5), "hooks and loss", ""),
    bind(&[Key::Ctrl('z')], "^Z", Action::Suspend, "suspend", ""),
    bind(&[Key::Ctrl('l')], "^L", Action::Redraw, "redraw", ""),
];

/// Action of a key outside of text input; `None` when the key has none.
#[must_use]
pub fn action_of(key: Key) -> Option<Action> {
    BINDINGS.iter().find(|binding| binding.keys.contains(&key)).map(|binding| binding.action)
}

#[cfg(test)]
mod tests {
    use super::{BINDINGS, action_of};

    #[test]
    fn each_key_has_one_meaning() {
        for binding in BINDINGS {
            for key in binding.keys {
                assert_eq!(action_of(*key), Some(binding.action), "{key:?}");
            }
            assert!(!binding.what.is_empty() && !binding.shown.is_empty());
        }
    }
}
