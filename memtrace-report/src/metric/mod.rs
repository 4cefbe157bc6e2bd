//! Metrics: one name each, and one meaning, in conditions, comparisons, columns and documents.
//!
//! `catalog` declares each metric once: its name, unit and meaning, and its formula over the [`Measure`]s of an
//! interval. All views are made from that.

mod catalog;
mod form;
mod measure;
mod page;
mod sums;
mod unit;

use memtrace_core::session::tick::Tick;

pub(crate) use self::form::{Term, middle_ns, reached};
pub use self::{
    catalog::Metric,
    form::{Counts, Form, Missing},
    measure::Measure,
    page::page,
    sums::{Slice, Sums},
    unit::Unit,
};

/// Declaration of a metric.
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    /// Name in every place.
    pub name: &'static str,
    /// Label for a person.
    pub label: &'static str,
    /// Meaning, in one sentence or two.
    pub help: &'static str,
    /// Unit.
    pub unit: Unit,
    /// Form: the formula over measures.
    pub form: Form,
    /// The direction that is better.
    pub better: Better,
}

/// The direction of a metric that is better for the tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Less is better.
    Less,
    /// More is better.
    More,
}

impl Better {
    /// The direction, for a person.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Less => "less",
            Self::More => "more",
        }
    }
}

impl Metric {
    /// Name in every place.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.declaration().name
    }

    /// Label for a person.
    #[must_use]
    pub const fn label(self) -> &'static str {
        self.declaration().label
    }

    /// Unit.
    #[must_use]
    pub const fn unit(self) -> Unit {
        self.declaration().unit
    }

    /// The direction that is better.
    #[must_use]
    pub const fn better(self) -> Better {
        self.declaration().better
    }

    /// Form: the formula over measures.
    #[must_use]
    pub const fn form(self) -> Form {
        self.declaration().form
    }

    /// True when it adds up over a run, so that two runs can be compared by it.
    #[must_use]
    pub const fn is_compared(self) -> bool {
        !matches!(self.form(), Form::OfInterval(_))
    }

    /// The metrics that two runs are compared by, in the order of the table.
    pub fn compared() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|metric| metric.is_compared())
    }

    /// Value in an interval; `None` when it was not read, or there was nothing to measure.
    #[must_use]
    pub fn of_interval(self, tick: &Tick) -> Option<f64> {
        self.form().of_interval(tick)
    }

    /// Value of a row in an interval; `None` as well where rows do not have it.
    #[must_use]
    pub fn of_row(self, row: &impl Counts) -> Option<f64> {
        self.form().of(row)
    }

    /// Value over a run. The longest stall is not in sums.
    ///
    /// # Errors
    /// The reason that there is no value.
    pub fn over(self, sums: &Sums) -> Result<f64, Missing> {
        self.form().over(sums)
    }

    /// The metric of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }
}

/// Names of metrics in lines of at most 100 characters, for a help text.
#[must_use]
pub fn names(metrics: impl IntoIterator<Item = Metric>) -> String {
    let mut lines = vec![String::new()];
    for metric in metrics {
        let last = lines.len() - 1;
        if lines[last].len() + metric.name().len() > 99 {
            lines.push(metric.name().to_owned());
            continue;
        }
        if !lines[last].is_empty() {
            lines[last].push(' ');
        }
        lines[last].push_str(metric.name());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests;
