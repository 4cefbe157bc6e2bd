//! The conclusion of a comparison: the two lines at the top.

use super::{
    guard::Guard,
    judge::{Design, HEADLINE, MetricRow},
    number::change,
    word::Word,
};

/// Conclusion of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conclusion {
    /// Outcome in one word.
    pub word: Word,
    /// True when a test supports it.
    pub firm: bool,
    /// Two lines.
    pub lines: [String; 2],
}

pub(super) fn conclusion(rows: &[MetricRow], guards: &[Guard], design: Design, names: [&str; 2]) -> Conclusion {
    let headline: Vec<&MetricRow> =
        HEADLINE.iter().filter_map(|metric| rows.iter().find(|row| row.metric == *metric)).collect();
    let said = |word: Word| headline.iter().find(|row| row.word == word).copied();
    let (better, worse) = (said(Word::Better), said(Word::Worse));
    let (word, row) = match (better, worse) {
        (Some(_), Some(_)) => (Word::CannotSay, None),
        (Some(row), None) => (Word::Better, Some(row)),
        (None, Some(row)) => (Word::Worse, Some(row)),
        // The first metric of the headline decides whether there is a conclusion at all.
        (None, None) if headline.first().is_some_and(|row| row.word == Word::NoDifferenceShown) => {
            (Word::NoDifferenceShown, said(Word::NoDifferenceShown))
        }
        (None, None) => (Word::CannotSay, None),
    };
    let firm = design.is_firm() && row.is_some_and(|row| row.firm);
    let [before, after] = names;
    let first = match (word, row, better.zip(worse)) {
        (Word::Better | Word::Worse, Some(row), _) => {
            let [a, b] = row.values.map(|value| value.map_or_else(|| "-".to_owned(), |v| row.metric.unit().show(v)));
            let by = row.ratio.map_or_else(String::new, |ratio| format!(" ({})", change(ratio)));
            let sure = match row.p {
                Some(p) => format!("p = {p:.3}"),
                None => "an indication: a firm verdict takes 5 runs a side".to_owned(),
            };
            format!("{after} is {} than {before}: {} {a} -> {b}{by}; {sure}", word.text(), row.metric.label())
        }
        (Word::NoDifferenceShown, _, _) => {
            format!("No difference shown between {before} and {after}; there may still be one.")
        }
        (_, _, Some((better, worse))) => {
            format!("Cannot say: {} is better, but {} is worse.", better.metric.label(), worse.metric.label())
        }
        _ => {
            let reason = headline.iter().find_map(|row| row.reason.as_deref()).unwrap_or("nothing was measured");
            format!("Cannot say whether {after} differs from {before}: {reason}.")
        }
    };
    let tripped: Vec<&str> = guards.iter().filter(|guard| guard.tripped).map(|guard| guard.name).collect();
    let second = if tripped.is_empty() {
        "No guard tripped: the two are comparable.".to_owned()
    } else {
        format!("Caution: {} (see the guards).", tripped.join(", "))
    };
    Conclusion { word, firm, lines: [first, second] }
}
