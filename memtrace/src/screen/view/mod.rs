//! Draws the model at any size.

mod details;
mod evictors;
mod header;
mod heat;
mod help;
mod histogram;
mod overview;
mod pages;
mod panels;
mod pen;
mod stacks;
mod table;

use ratatui::{buffer::Buffer, layout::Rect};

use self::pen::Pen;
use super::model::{Mode, Model, Page};

/// Draws the whole screen.
pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let mut pen = Pen::new(buffer, area, model.look);
    if area.width < 10 || area.height < 3 {
        return pen.text(0, 0, "too small", pen::PLAIN);
    }
    let top = header::draw(model, &mut pen);
    let rest = pen.rows(top, area.height.saturating_sub(top + 1));
    match (&model.mode, model.page) {
        (Mode::Help, _) => help::draw(&mut pen, rest),
        (Mode::Details, _) => details::draw(model, &mut pen, rest),
        (_, Page::Overview) => overview::draw(model, &mut pen, rest),
        (_, Page::Tasks) => table::draw(model, &mut pen, rest),
        (_, Page::Nodes) => pages::nodes(model, &mut pen, rest),
        (_, Page::Ooms) => pages::ooms(model, &mut pen, rest),
        (_, Page::Hooks) => pages::hooks(model, &mut pen, rest),
    }
    header::footer(model, &mut pen, area.height - 1);
}

/// The screen as lines of text.
#[must_use]
pub fn text(model: &Model, width: u16, height: u16) -> String {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    draw(model, area, &mut buffer);
    let mut out = String::new();
    for y in 0..height {
        let mut line = String::new();
        let mut x = 0;
        while x < width {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            // A wide character takes the cells behind it.
            x += u16::try_from(ratatui::text::Span::raw(symbol).width().max(1)).unwrap_or(1);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
