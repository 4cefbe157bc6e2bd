//! The screen of the last whole interval as text: `memtrace --once`.

use super::{Model, view};
use memtrace_core::session::item::Item;
use memtrace_report::output::{End, Sink};

/// A sink whose bytes are one screen.
#[derive(Debug)]
pub struct Once {
    model: Model,
    /// Columns and rows.
    size: (u16, u16),
    /// The screen of the last whole interval.
    text: Option<String>,
}

impl Once {
    /// A sink of one screen of this size.
    #[must_use]
    pub const fn new(model: Model, size: (u16, u16)) -> Self {
        Self { model, size, text: None }
    }

    fn draw(&self) -> String {
        view::text(&self.model, self.size.0, self.size.1)
    }
}

impl Sink for Once {
    fn item(&mut self, item: Item) -> Vec<u8> {
        match &item {
            // The rest of an interval at the end is too short to be meaningful.
            Item::Tick(tick, _) if self.text.is_some() && tick.elapsed_ns < self.model.interval_ns / 2 => {}
            Item::Tick(..) => {
                self.model.push(item);
                self.text = Some(self.draw());
            }
            _ => self.model.push(item),
        }
        Vec::new()
    }

    fn end(&mut self, _: &End<'_>) -> Result<Vec<u8>, String> {
        Ok(self.text.take().unwrap_or_else(|| self.draw()).into_bytes())
    }
}
