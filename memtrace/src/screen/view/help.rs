//! The help, made from the key map.

use ratatui::layout::Rect;

use super::pen::{PLAIN, Pen};
use crate::screen::keys::BINDINGS;

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect) {
    let width = 52;
    let per_column = usize::from(area.height.max(1));
    for (n, binding) in BINDINGS.iter().enumerate() {
        let column = u16::try_from(n / per_column).unwrap_or(u16::MAX);
        let x = column.saturating_mul(width);
        if column > 0 && x + 30 > area.width {
            return;
        }
        let y = area.y + u16::try_from(n % per_column).unwrap_or(0);
        pen.cell(x, y, width - 1, &format!("{:>8}  {}", binding.shown, binding.what), PLAIN);
    }
}
