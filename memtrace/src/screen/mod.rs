//! The live screen. State never draws, drawing never changes anything: every screen is a function of the model and the
//! size. It knows neither the terminal nor the clock; `terminal` shows it.

mod act;
mod columns;
mod filter;
mod group;
mod headline;
mod keys;
mod losses;
mod model;
mod once;
mod playback;
mod rows;
mod typing;
pub mod view;

pub use self::{
    columns::SortBy,
    filter::RowFilter,
    group::RowGroup,
    headline::{Headline, Level},
    keys::{Action, BINDINGS, Binding, Key, action_of},
    model::{About, Effect, Look, Mode, Model, Page},
    once::Once,
    playback::Playback,
    rows::ScreenRow,
};
