//! Everything as lines of text, for a terminal or a pipe. Pure: values in, text out.
//!
//! Unread values are `-`, names from other processes come escaped, and no colour has a meaning that the text lacks.

mod at_start;
mod churn;
mod coverage;
mod evictors;
mod filter;
mod loss;
mod nodes;
mod oom;
mod parts;
mod rest;
mod row;
mod shade;
pub mod stacks;
mod stall;
mod summary;

use crate::{number, style};

pub(crate) use self::rest::{in_no_row, rest};
pub use self::{
    at_start::at_start,
    filter::describe_filter,
    loss::{loss_in_short, loss_line},
    number::{bytes, duration},
    oom::{freed_line, kswapd_line, oom_line},
    row::{header, row},
    stall::{stall_header, stall_line},
    style::Style,
    summary::{SummaryView, summary},
};
pub use self::{
    number::{bytes_or_dash, count, duration_or_dash, percent, plain, rate, things, three_digits},
    parts::shares,
    shade::{shade, shades},
    style::{Cell, Colour},
    summary::unwritten,
};

/// Rows after which a terminal shows the head again.
pub const HEADER_EVERY: usize = 20;
