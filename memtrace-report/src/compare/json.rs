//! A comparison as a JSON object.

use serde::Serialize;

use super::{Comparison, Word};
use crate::json::{SCHEMA, finite, line};

/// Two sides, compared.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "compare")]
struct Compare {
    schema: u32,
    before: String,
    after: String,
    runs: [usize; 2],
    durations_ns: [u64; 2],
    conclusion: Conclusion,
    rows: Vec<JsonRow>,
    guards: Vec<Guard>,
    tuned: Vec<Tuned>,
    least_p: Option<f64>,
    power: Option<f64>,
    seed: u64,
}

#[derive(Debug, Serialize)]
struct Conclusion {
    word: &'static str,
    firm: bool,
    text: String,
}

#[derive(Debug, Serialize)]
struct JsonRow {
    metric: &'static str,
    scope: String,
    before: Option<f64>,
    after: Option<f64>,
    ratio: Option<f64>,
    ci_lo: Option<f64>,
    ci_hi: Option<f64>,
    p: Option<f64>,
    word: &'static str,
    firm: bool,
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct Guard {
    name: &'static str,
    value: Option<f64>,
    limit: f64,
    tripped: bool,
    text: String,
}

#[derive(Debug, Serialize)]
struct Tuned {
    key: String,
    before: Option<String>,
    after: Option<String>,
}

/// A comparison as one line, with its newline.
///
/// # Errors
/// Never for these types; the error is the serializer's.
pub fn json(comparison: &Comparison) -> Result<String, serde_json::Error> {
    line(&Compare::new(comparison))
}

impl Compare {
    fn new(comparison: &Comparison) -> Self {
        let rows = comparison.rows.iter().map(|row| JsonRow {
            metric: row.metric.name(),
            scope: "all".to_owned(),
            before: row.values[0].and_then(finite),
            after: row.values[1].and_then(finite),
            ratio: row.ratio.and_then(finite),
            ci_lo: row.interval.and_then(|(low, _)| finite(low)),
            ci_hi: row.interval.and_then(|(_, high)| finite(high)),
            p: row.p.and_then(finite),
            word: row.word.name(),
            firm: row.firm,
            reason: row.reason.clone(),
        });
        let changes = comparison.changes.iter().map(|change| JsonRow {
            metric: change.scope.metric(),
            scope: format!("{}:{}", change.scope.name(), change.name),
            before: finite(change.values[0]),
            after: finite(change.values[1]),
            ratio: (change.values[0] > 0.0).then(|| change.values[1] / change.values[0]).and_then(finite),
            ci_lo: None,
            ci_hi: None,
            p: None,
            word: Word::CannotSay.name(),
            firm: false,
            reason: Some("not tested".to_owned()),
        });
        let guards = comparison.guards.iter().map(|guard| Guard {
            name: guard.name,
            value: guard.value.and_then(finite),
            limit: guard.limit,
            tripped: guard.tripped,
            text: guard.text.clone(),
        });
        let tuned = comparison.tuned.iter().map(|tuned| Tuned {
            key: tuned.key.clone(),
            before: tuned.sides.first().and_then(|side| side.value()).map(str::to_owned),
            after: tuned.sides.get(1).and_then(|side| side.value()).map(str::to_owned),
        });
        let [before, after] = comparison.names.clone();
        Self {
            schema: SCHEMA,
            before,
            after,
            runs: comparison.runs,
            durations_ns: comparison.durations_ns,
            conclusion: Conclusion {
                word: comparison.conclusion.word.name(),
                firm: comparison.conclusion.firm,
                text: comparison.conclusion.lines.join("\n"),
            },
            rows: rows.chain(changes).collect(),
            guards: guards.collect(),
            tuned: tuned.collect(),
            least_p: comparison.least_p,
            power: comparison.power,
            seed: comparison.seed,
        }
    }
}
