//! The figures as they are printed.

use std::fmt;

/// Comparison of a figure with its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Within the target.
    Ok,
    /// Beyond the target.
    Over,
    /// The interval contains the target: this run cannot decide.
    Unsure,
    /// There is no target: shown for comparison.
    NoTarget,
    /// The measurement failed.
    Failed,
    /// The machine lacks the means to measure it.
    Skipped,
}

impl Outcome {
    /// Outcome of a value that must not exceed `most`.
    pub(super) fn at_most(value: f64, most: f64) -> Self {
        if value <= most { Self::Ok } else { Self::Over }
    }

    /// Outcome of a value between two bounds that must not exceed `most`.
    pub(super) fn at_most_within((low, high): (f64, f64), most: f64) -> Self {
        match (low <= most, high <= most) {
            (true, true) => Self::Ok,
            (false, _) => Self::Over,
            (true, false) => Self::Unsure,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Over => "OVER",
            Self::Unsure => "unsure",
            Self::NoTarget => "",
            Self::Failed => "FAILED",
            Self::Skipped => "skipped",
        }
    }
}

struct Figure {
    name: String,
    value: String,
    target: String,
    verdict: Outcome,
}

/// All figures of a run.
#[derive(Default)]
pub(super) struct Table(Vec<Figure>);

impl Table {
    pub(super) fn add(&mut self, name: &str, value: impl fmt::Display, target: &str, verdict: Outcome) {
        let (name, target) = (name.to_owned(), target.to_owned());
        self.0.push(Figure { name, value: value.to_string(), target, verdict });
    }

    /// A figure without a target.
    pub(super) fn note(&mut self, name: &str, value: impl fmt::Display) {
        self.add(name, value, "", Outcome::NoTarget);
    }

    pub(super) fn failed(&mut self, name: &str, why: &anyhow::Error) {
        self.add(name, format!("{why:#}"), "", Outcome::Failed);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.0.iter().any(|row| row.verdict == Outcome::Failed)
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.iter().any(|row| row.verdict == Outcome::Over)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |head: &str, cell: fn(&Figure) -> &str| {
            self.0.iter().map(|row| cell(row).chars().count()).max().unwrap_or(0).max(head.len())
        };
        let (name, target) = (width("figure", |r| &r.name), width("target", |r| &r.target));
        // A reason may be long. It may overflow its column, since no important column follows it.
        let value = width("measured", |r| &r.value).min(44);
        let mut line = |cells: [&str; 4]| {
            let [a, b, c, d] = cells;
            writeln!(f, "{}", format!("{a:name$}  {b:value$}  {c:target$}  {d}").trim_end())
        };
        line(["figure", "measured", "target", ""])?;
        self.0.iter().try_for_each(|row| line([&row.name, &row.value, &row.target, row.verdict.word()]))
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Table};

    #[test]
    fn an_interval_that_holds_the_target_cannot_say() {
        assert_eq!(Outcome::at_most_within((0.99, 1.01), 1.02), Outcome::Ok);
        assert_eq!(Outcome::at_most_within((1.00, 1.03), 1.02), Outcome::Unsure);
        assert_eq!(Outcome::at_most_within((1.03, 1.05), 1.02), Outcome::Over);
    }

    #[test]
    fn columns_line_up() {
        let mut table = Table::default();
        table.add("start", "43 ms", "300 ms", Outcome::Ok);
        table.note("a longer name", "7");
        let text = "figure         measured  target\nstart          43 ms     300 ms  ok\na longer name  7\n";
        assert_eq!(table.to_string(), text);
        assert!(!table.is_over() && !table.has_failed());
    }
}
