//! Metrics: the vocabulary that conditions, comparisons and tables share.

mod unit;

pub use self::unit::Unit;
