//! Effect of keys on the model.

use super::{
    filter::RowFilter,
    keys::{Action, Key, action_of},
    model::{Effect, Mode, Model, Page},
};

impl Model {
    /// Handles a key.
    pub fn key(&mut self, key: Key) -> Effect {
        if self.is_typing() && key != Key::Ctrl('c') {
            self.type_key(key);
            return Effect::None;
        }
        action_of(key).map_or(Effect::None, |action| self.act(action))
    }

    /// Performs the action of a key.
    pub fn act(&mut self, action: Action) -> Effect {
        let last = || self.rows().len().saturating_sub(1);
        match action {
            Action::Quit => return Effect::Quit,
            Action::Suspend => return Effect::Suspend,
            Action::Redraw => return Effect::Redraw,
            Action::Record | Action::Save if self.playback.is_some() => {
                self.said = Some(("a replay cannot be recorded or saved".to_owned(), 0));
            }
            Action::Record => return Effect::Record,
            Action::Save => return Effect::Save,
            Action::Help => self.mode = if self.mode == Mode::Help { Mode::Page } else { Mode::Help },
            Action::Filter => self.mode = Mode::Typing(self.filter_text.clone(), None),
            Action::GoTo => self.mode = Mode::GoingTo(String::new(), None),
            Action::SortNext => self.order.0 = self.order.0.next(),
            Action::SortBefore => self.order.0 = self.order.0.before(),
            Action::SortReverse => self.order.1 = !self.order.1,
            Action::Pause if self.playback.is_some() => self.play_or_pause(),
            Action::Pause => {
                self.at_ns = if self.at_ns.is_some() { None } else { self.history().latest().map(|f| f.tick.t_ns) }
            }
            Action::Group => (self.group, self.selected) = (self.group.next(), 0),
            Action::Details if self.selected_row().is_some() => {
                // Rows come and go, so the details stay at one interval.
                self.hold();
                // The limits may have changed since they were last looked up.
                self.limits = None;
                self.mode = Mode::Details;
            }
            Action::Details => {}
            Action::Close if self.mode != Mode::Page => self.mode = Mode::Page,
            Action::Close if self.expanded => self.expanded = false,
            Action::Close if !self.filter_text.is_empty() => {
                self.filter_text.clear();
                self.filter = RowFilter::default();
            }
            Action::Close if self.playback.is_some() => {}
            Action::Now if self.playback.is_some() => {
                self.go_to(|model, _| model.history().latest().map(|f| f.tick.t_ns));
            }
            Action::Close | Action::Now => self.at_ns = None,
            Action::Up => self.selected = self.selected.min(last()).saturating_sub(1),
            Action::Down => self.selected = (self.selected + 1).min(last()),
            Action::PageUp => self.selected = self.selected.min(last()).saturating_sub(10),
            Action::PageDown => self.selected = (self.selected + 10).min(last()),
            Action::First => self.selected = 0,
            Action::Last => self.selected = last(),
            Action::Expand => self.expanded = !self.expanded,
            Action::Earlier => {
                self.go_to(|model, at| model.history().until(at.saturating_sub(1)).next().map(|f| f.tick.t_ns));
            }
            Action::Later => self.go_to(|model, at| model.history().frames().map(|f| f.tick.t_ns).find(|t| *t > at)),
            Action::OomBefore => self.go_to(|model, at| {
                model.history().until(at.saturating_sub(1)).find(|f| !f.ooms.is_empty()).map(|f| f.tick.t_ns)
            }),
            Action::OomAfter => self.go_to(|model, at| {
                model.history().frames().find(|f| f.tick.t_ns > at && !f.ooms.is_empty()).map(|f| f.tick.t_ns)
            }),
            Action::Worst => {
                self.go_to(|model, _| {
                    model.history().frames().max_by_key(|f| f.tick.all.stalled_ns).map(|f| f.tick.t_ns)
                });
            }
            Action::Faster if self.playback.is_some() => self.change_speed(2.0),
            Action::Slower if self.playback.is_some() => self.change_speed(0.5),
            Action::Faster => return self.set_interval(self.interval_ns / 2),
            Action::Slower => return self.set_interval(self.interval_ns.saturating_mul(2)),
            Action::Page(page) => {
                self.page = match page {
                    2 => Page::Tasks,
                    3 => Page::Nodes,
                    4 => Page::Ooms,
                    5 => Page::Hooks,
                    _ => Page::Overview,
                };
                (self.mode, self.expanded) = (Mode::Page, false);
            }
        }
        Effect::None
    }

    fn set_interval(&mut self, ns: u64) -> Effect {
        self.interval_ns = ns.clamp(100_000_000, 10_000_000_000);
        Effect::Interval(self.interval_ns)
    }

    /// Shows the interval that `find` returns, and no longer the latest.
    pub(super) fn go_to(&mut self, find: impl Fn(&Self, u64) -> Option<u64>) {
        let at = self.shown().map_or(0, |frame| frame.tick.t_ns);
        if let Some(to) = find(self, at) {
            self.at_ns = Some(to);
            self.hold();
        }
    }
}
