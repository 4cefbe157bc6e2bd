//! Lines of text for people: a row for each interval, a line for each event, the summary.

use super::{
    Command, Output,
    page::{self, Page},
    sink::{End, ItemPaths, Layout, OwnedNames, Sink, paths_of},
};
use crate::text::{self, HEADER_EVERY};
use memtrace_core::session::item::Item;

pub(super) const OUTPUT: Output = Output {
    name: "lines",
    offers: &[
        (Command::Live, "Write lines of text: the default where stdout is not a terminal"),
        (Command::Replay, "Write lines of text: the default where stdout is not a terminal, and with --speed max"),
    ],
    value: None,
    is_complete: false,
    has_local_times: true,
    render: None,
    sink: |start, layout, _| {
        Box::new(Lines {
            names: OwnedNames::of(start),
            layout: *layout,
            interval_ns: start.meta.interval_ns,
            since_head: 0,
            summary: Page::new(start, layout, page::TEXT),
        })
    },
};

/// Lines of text.
#[derive(Debug)]
struct Lines {
    names: OwnedNames,
    layout: Layout,
    /// Length of an interval in ns: a moment at the end in which nothing happened has no row.
    interval_ns: u64,
    /// Rows since the head of the columns was shown.
    since_head: usize,
    summary: Page,
}

impl Sink for Lines {
    fn item(&mut self, item: Item) -> Vec<u8> {
        let paths = paths_of(&item);
        let paths = ItemPaths(&paths);
        let names = self.names.with(&paths);
        let Layout { width, style, .. } = self.layout;
        let line = match item {
            Item::AtStart(before) => return text::at_start(&before, style).into_bytes(),
            Item::Said(_) | Item::Summary(..) => return Vec::new(),
            Item::Tick(tick, _) if tick.is_empty_rest(self.interval_ns) => return Vec::new(),
            Item::Stall(stall, _) => text::stall_line(&stall, &names, width, style),
            Item::Oom(oom, _) => text::oom_line(&oom, &names, style),
            Item::Freed(freed) => text::freed_line(&freed, &names, style),
            Item::Kswapd(kswapd) => text::kswapd_line(&kswapd, &names),
            Item::Tick(tick, _) => {
                let head = if self.since_head == 0 { text::header(width) + "\n" } else { String::new() };
                self.since_head = if width.is_some() { (self.since_head + 1) % HEADER_EVERY } else { 1 };
                head + &text::row(&tick, names.clock, width, style)
            }
        };
        (line + "\n").into_bytes()
    }

    fn end(&mut self, end: &End<'_>) -> Result<Vec<u8>, String> {
        self.summary.end(end)
    }
}
