//! Text input: a filter, or a time to go to.

use super::{
    filter::RowFilter,
    keys::Key,
    model::{Mode, Model},
};
use memtrace_report::replay::when::When;

/// Longest text in bytes.
const LONGEST: usize = 200;

impl Model {
    /// True when keys are text input.
    #[must_use]
    pub fn is_typing(&self) -> bool {
        matches!(self.mode, Mode::Typing(..) | Mode::GoingTo(..))
    }

    /// Handles a key of text input.
    pub(super) fn type_key(&mut self, key: Key) {
        match std::mem::take(&mut self.mode) {
            Mode::Typing(text, _) => self.type_filter(text, key),
            Mode::GoingTo(text, _) => self.type_time(text, key),
            other => self.mode = other,
        }
    }

    fn type_filter(&mut self, mut text: String, key: Key) {
        if key == Key::Esc {
            self.filter_text.clear();
            self.filter = RowFilter::default();
            return;
        }
        if key == Key::Enter
            && let Ok(filter) = RowFilter::parse(&text)
        {
            (self.filter, self.filter_text) = (filter, text);
            return;
        }
        edit(&mut text, key);
        let wrong = match RowFilter::parse(&text) {
            Ok(filter) => {
                self.filter = filter;
                None
            }
            Err(e) => Some(e),
        };
        self.selected = 0;
        self.mode = Mode::Typing(text, wrong);
    }

    fn type_time(&mut self, mut text: String, key: Key) {
        match key {
            Key::Esc => return,
            Key::Enter => match self.time_of(&text) {
                Ok(to) => {
                    // The first interval that ends then or later; after the last one, the last.
                    let found = |model: &Self, _| {
                        let later = model.history().frames().map(|frame| frame.tick.t_ns).find(|t_ns| *t_ns >= to);
                        later.or_else(|| model.history().latest().map(|frame| frame.tick.t_ns))
                    };
                    return self.go_to(found);
                }
                Err(e) => return self.mode = Mode::GoingTo(text, Some(e)),
            },
            _ => edit(&mut text, key),
        }
        self.mode = Mode::GoingTo(text, None);
    }

    /// Parses a time in words, to `CLOCK_MONOTONIC` in ns.
    fn time_of(&self, text: &str) -> Result<u64, String> {
        let end_ns = self.history().latest().map(|frame| frame.tick.t_ns);
        let t_ns = When::parse(text.trim())?.resolve(Some(&self.clock), self.about.start_ns, end_ns)?;
        let first_ns = self.history().first().map_or(self.about.start_ns, |frame| frame.tick.t_ns);
        let begin_ns = first_ns.saturating_sub(self.interval_ns);
        match end_ns {
            _ if t_ns < begin_ns => Err(format!("that is before the first interval, {}", self.clock.seconds(begin_ns))),
            Some(end_ns) if t_ns > end_ns.saturating_add(self.interval_ns) => {
                Err(format!("that is after the last interval so far, {}", self.clock.seconds(end_ns)))
            }
            _ => Ok(t_ns),
        }
    }
}

fn edit(text: &mut String, key: Key) {
    match key {
        Key::Backspace => drop(text.pop()),
        Key::Char(c) if text.len() < LONGEST => text.push(c),
        _ => {}
    }
}
