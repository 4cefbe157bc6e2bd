//! A comparison as a JSON object.

use schemars::JsonSchema;
use serde::Serialize;

use super::{comparison::Comparison, word::Word};
use crate::json::{SCHEMA, finite, words::words};

words! {
    /// Outcome of a comparison.
    WordName = "word", Word::ALL.map(Word::name).to_vec();
}

/// Two sides, compared.
#[derive(Debug, JsonSchema, Serialize)]
#[serde(tag = "type", rename = "compare")]
pub struct Compare {
    /// Version of the objects.
    #[schemars(extend("const" = SCHEMA))]
    schema: u32,
    /// Name of the first side.
    before: String,
    /// Name of the second side.
    after: String,
    /// Number of runs of each side.
    runs: [usize; 2],
    /// Total measured time of each side, in ns.
    durations_ns: [u64; 2],
    /// Conclusion of the whole comparison.
    conclusion: Conclusion,
    /// Metrics of the host first, then the largest changes by kind, part, cgroup, process and node.
    rows: Vec<JsonRow>,
    /// Conditions under which two recordings can be compared.
    guards: Vec<Guard>,
    /// Settings in which runs differ.
    tuned: Vec<Tuned>,
    /// Least p that the test could yield; null without a test.
    least_p: Option<f64>,
    /// Share of such experiments that would find a doubled stall rate; null without a test.
    #[schemars(range(min = 0, max = 1))]
    power: Option<f64>,
    /// Random seed for resampling.
    seed: u64,
}

/// Conclusion of a comparison.
#[derive(Debug, JsonSchema, Serialize)]
struct Conclusion {
    /// Outcome.
    #[schemars(with = "WordName")]
    word: &'static str,
    /// True when a test supports it; otherwise it is an indication.
    firm: bool,
    /// Two lines for a person.
    text: String,
}

/// A metric of both sides.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "CompareRow")]
struct JsonRow {
    /// Metric, such as `stall.p99`. Times are in ns, rates per second (`oom.count` per hour), shares of 1.
    metric: &'static str,
    /// `all`, or `kind:`, `part:` (the parts of the stalls of a kind), `cgroup:`, `process:` or `node:` and a name.
    scope: String,
    /// Geometric mean of the runs of the first side, or their mean where one is 0; null without a value.
    before: Option<f64>,
    /// Value of the second side, likewise.
    after: Option<f64>,
    /// After divided by before.
    ratio: Option<f64>,
    /// Lower end of the 95 % interval of the ratio.
    ci_lo: Option<f64>,
    /// Upper end of that interval.
    ci_hi: Option<f64>,
    /// Probability of such a difference by chance, corrected for all tested metrics; null where it is not tested.
    #[schemars(range(min = 0, max = 1))]
    p: Option<f64>,
    /// Outcome.
    #[schemars(with = "WordName")]
    word: &'static str,
    /// True when a test supports it; otherwise it is an indication.
    firm: bool,
    /// Reason that there is no outcome, or that it is not firm.
    reason: Option<String>,
}

/// A condition under which two recordings can be compared.
#[derive(Debug, JsonSchema, Serialize)]
struct Guard {
    /// Name.
    name: &'static str,
    /// Value; null where it is not known.
    value: Option<f64>,
    /// Limit that the value must not exceed.
    limit: f64,
    /// True when the value exceeds the limit.
    tripped: bool,
    /// The consequence, for a person.
    text: String,
}

/// A setting in which runs differ.
#[derive(Debug, JsonSchema, Serialize)]
struct Tuned {
    /// Name of the setting.
    key: String,
    /// Value of the first side; null when it was not read, or differs within the side.
    before: Option<String>,
    /// Value of the second side, likewise.
    after: Option<String>,
}

/// A comparison as one line, with its newline.
///
/// # Errors
/// Never for these types; the error is the serializer's.
pub fn json(comparison: &Comparison) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string(&Compare::new(comparison))? + "\n")
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
