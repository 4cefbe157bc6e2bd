//! Outputs: a session or a recording, as bytes.
//!
//! Each output is declared once, in [`Output::ALL`]: its flag, the commands that offer it, its [`Sink`]. The command
//! line, its help and all commands read that list; `docs/dev/add-an-output.md` lists the steps for a new one.

mod folded;
mod json;
mod lines;
mod page;
mod sink;
#[cfg(test)]
mod tests;

pub use self::{
    page::Render,
    sink::{End, Layout, Recorded, Silent, Sink, Start, bytes_of},
};

/// An output.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// The flag that asks for it, without the dashes.
    pub name: &'static str,
    /// The commands that have the flag, with the help of the flag there.
    pub offers: &'static [(Command, &'static str)],
    /// The name of the value that the flag may have, and the values with their help; the first is the default.
    pub value: Option<(&'static str, &'static [(&'static str, &'static str)])>,
    /// True when it shows stalls of any length and changes of kswapd by default.
    pub is_complete: bool,
    /// True when its times are in the local zone; `live` gives it UTC otherwise.
    pub has_local_times: bool,
    /// The form of documents, for an output that is a page.
    pub render: Option<Render>,
    /// The sink of a session or a recording, with the value of the flag.
    pub sink: fn(&Start<'_>, &Layout, &str) -> Box<dyn Sink>,
}

/// A command that offers outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Command {
    /// `memtrace live`, and `memtrace` alone.
    Live,
    /// `memtrace replay`.
    Replay,
    /// `memtrace report`.
    Report,
    /// `memtrace compare` and `memtrace ab`, which write pages and JSON objects of their own.
    Compare,
}

impl Output {
    /// All outputs, in the order of the help.
    pub const ALL: &'static [Self] =
        &[lines::OUTPUT, json::OUTPUT, folded::OUTPUT, page::MARKDOWN_OUTPUT, page::TEXT_OUTPUT];

    /// The help of the flag for a command that has it.
    #[must_use]
    pub fn help(&self, command: Command) -> Option<&'static str> {
        self.offers.iter().find(|(offering, _)| *offering == command).map(|(_, help)| *help)
    }

    /// The value that is meant where the flag has none; empty for a flag without values.
    #[must_use]
    pub fn default_value(&self) -> &'static str {
        self.value.and_then(|(_, values)| values.first()).map_or("", |(value, _)| value)
    }
}

impl Command {
    /// All commands, by number.
    pub const ALL: [Self; 4] = [Self::Live, Self::Replay, Self::Report, Self::Compare];

    /// The output without a flag.
    #[must_use]
    pub const fn default_output(self) -> &'static Output {
        match self {
            Self::Live | Self::Replay => &lines::OUTPUT,
            Self::Report | Self::Compare => &page::TEXT_OUTPUT,
        }
    }
}

impl PartialEq for Output {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
