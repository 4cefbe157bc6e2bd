//! Writes into the buffer: clipped, with colours only where they are wanted, with characters outside ASCII only where
//! they can be shown.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier, Style},
};

use crate::screen::model::Look;

/// Normal text.
pub(super) const PLAIN: Style = Style::new();
/// Titles.
pub(super) const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
/// The selected row, and bars.
pub(super) const REVERSED: Style = Style::new().add_modifier(Modifier::REVERSED);
/// Costs and warnings.
pub(super) const YELLOW: Style = Style::new().fg(Color::Yellow);
/// Critical values.
pub(super) const RED: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);

/// Writes into a part of the buffer.
pub(super) struct Pen<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
    pub(super) look: Look,
}

impl<'a> Pen<'a> {
    pub(super) fn new(buffer: &'a mut Buffer, area: Rect, look: Look) -> Self {
        Self { buffer, area, look }
    }

    /// A pen for a part of the area; coordinates start at the corner of the part.
    pub(super) fn part(&mut self, part: Rect) -> Pen<'_> {
        let area = Rect { x: self.area.x + part.x, y: self.area.y + part.y, ..part };
        Pen { buffer: self.buffer, area: area.intersection(self.area), look: self.look }
    }

    /// Width in columns.
    pub(super) fn width(&self) -> u16 {
        self.area.width
    }

    /// Height in rows.
    pub(super) fn height(&self) -> u16 {
        self.area.height
    }

    /// Area of `height` rows from `y` on, over the full width.
    pub(super) fn rows(&self, y: u16, height: u16) -> Rect {
        Rect::new(0, y, self.area.width, height)
    }

    fn style(&self, style: Style) -> Style {
        if self.look.colour { style } else { Style { fg: None, bg: None, ..style } }
    }

    /// Text up to the right edge.
    pub(super) fn text(&mut self, x: u16, y: u16, text: &str, style: Style) {
        self.cell(x, y, self.area.width.saturating_sub(x), text, style);
    }

    /// Text of at most `width` columns; a cut is marked.
    pub(super) fn cell(&mut self, x: u16, y: u16, width: u16, text: &str, style: Style) {
        if y >= self.area.height || x >= self.area.width || width == 0 {
            return;
        }
        let width = usize::from(width.min(self.area.width - x));
        let style = self.style(style);
        let shown: String;
        let ascii: String;
        let text = if self.look.utf8 || text.is_ascii() {
            text
        } else {
            ascii = text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
            &ascii
        };
        let text = if text.chars().count() > width {
            let mark = if self.look.utf8 { '…' } else { '~' };
            shown = text.chars().take(width - 1).chain([mark]).collect();
            &shown
        } else {
            text
        };
        self.buffer.set_stringn(self.area.x + x, self.area.y + y, text, width, style);
    }

    /// Text that ends at column `end`.
    pub(super) fn right(&mut self, end: u16, y: u16, width: u16, text: &str, style: Style) {
        let len = u16::try_from(text.chars().count()).unwrap_or(u16::MAX).min(width);
        self.cell(end.saturating_sub(len), y, len, text, style);
    }

    /// A style for a whole row.
    pub(super) fn highlight(&mut self, y: u16, style: Style) {
        if y < self.area.height {
            let style = self.style(style);
            self.buffer.set_style(Rect::new(self.area.x, self.area.y + y, self.area.width, 1), style);
        }
    }
}
