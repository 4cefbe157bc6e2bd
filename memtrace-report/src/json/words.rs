//! Words out of closed sets, as the schema lists them. The fields themselves are strings.

use crate::by::By;
use memtrace_common::{kind::StallKind, record};
use memtrace_core::{container, event, hook, session::coverage, source};

/// Declares types whose schema is a list of words.
macro_rules! words {
    ($($(#[doc = $doc:literal])+ $name:ident = $schema:literal, $words:expr;)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug)]
            pub(crate) struct $name;

            impl schemars::JsonSchema for $name {
                fn schema_name() -> std::borrow::Cow<'static, str> {
                    $schema.into()
                }

                fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                    let words: Vec<&str> = $words;
                    schemars::json_schema!({"type": "string", "enum": words, "description": concat!($($doc),+).trim()})
                }
            }
        )+
    };
}

pub(crate) use words;

words! {
    /// Kind of stall: the cause that held a task up.
    Kind = "kind", StallKind::ALL.map(StallKind::name).to_vec();
    /// Relation of the durations to the true stalls.
    Source = "source", source::Source::ALL.map(source::Source::name).to_vec();
    /// Agreement of a count of memtrace with that of the kernel.
    Agreement = "agreement", coverage::Agreement::ALL.map(coverage::Agreement::name).to_vec();
    /// Limit that an OOM kill enforced.
    Constraint = "constraint", event::Constraint::ALL.map(event::Constraint::name).to_vec();
    /// Reclaim that a task did last before an OOM kill.
    LastReclaim = "last_reclaim", event::LastReclaim::ALL.map(event::LastReclaim::name).to_vec();
    /// Way in which the memory of an OOM victim was freed.
    FreedBy = "freed_by", event::FreedBy::ALL.map(event::FreedBy::name).to_vec();
    /// Container runtime.
    Runtime = "runtime", container::RUNTIMES.to_vec();
    /// Change of a kswapd: a task requested a wakeup, it began to work, it went to sleep.
    KswapdStep = "kswapd_step", record::KswapdStep::ALL.map(record::KswapdStep::name).to_vec();
    /// Way in which a hook is attached.
    Attached = "attached", hook::Attached::WAYS.iter().filter_map(hook::Attached::name).collect();
    /// Property that the stalls of a row have in common.
    GroupBy = "group_by", By::ALL.map(By::name).to_vec();
}
