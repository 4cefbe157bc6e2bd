//! The head of a report: host, time and settings of the recording, and the notes to read before any number.

use super::ReportView;
use crate::{
    document::Document,
    replay::{Finished, Note},
    text::{self, bytes_or_dash, duration, things},
};
use memtrace_core::untrusted::Text;
use memtrace_trace::model::Meta;

/// Adds the head.
pub(super) fn head(out: &mut Document, finished: &Finished, view: &ReportView<'_>) {
    let meta = &finished.meta;
    let (host, setup) = (&meta.host, &meta.setup);
    let or = |text: String, else_: &str| if text.is_empty() { else_.to_owned() } else { text };
    let word = |text: &Text| text.tty().to_string();
    out.sentence(format!(
        "report of {}: Linux {} {}",
        or(word(&host.host), "an unknown host"),
        or(word(&host.kernel), "-"),
        word(&host.machine)
    ));
    let (summary, clock) = (&finished.summary, view.clock);
    if finished.is_empty {
        let is_asked = finished.notes.iter().any(|note| matches!(note, Note::EmptyWindow { .. }));
        let what = if is_asked { "nothing within the requested time" } else { "no interval" };
        out.fact("recorded", what);
    } else {
        let from_ns = summary.t_ns.saturating_sub(summary.duration_ns);
        let period = clock.period(from_ns, summary.t_ns);
        out.fact("recorded", format!("{period} ({})", duration(summary.duration_ns)));
    }
    let version = or(word(&setup.version), "of an unknown version");
    out.fact("by", format!("memtrace {version}: {}", or(joined(&setup.argv), "-")));
    if !setup.command.is_empty() {
        out.fact("command", joined(&setup.command));
    }
    if meta.run > 0 {
        out.fact("run", meta.run.to_string());
    }
    let recorded = text::describe_filter(&setup.filter);
    if !recorded.is_empty() {
        out.fact("filter", format!("{recorded} (applied by the recording)"));
    }
    machine(out, meta);
    for hook in setup.hooks.iter().filter(|hook| hook.attached.is_none()) {
        out.fact("missing", format!("{}: {}", word(&hook.name), word(&hook.without)));
    }
    for note in &finished.notes {
        let text = note.text(clock);
        if note.is_warning() {
            out.warning(text);
        } else {
            out.fact("note", text);
        }
    }
}

fn machine(out: &mut Document, meta: &Meta) {
    let host = &meta.host;
    if host.cpus == 0 && host.memory_bytes.is_none() {
        return;
    }
    let cgroups =
        if host.memory_cgroup.is_empty() { String::new() } else { format!(", cgroup {}", host.memory_cgroup.tty()) };
    out.fact(
        "host",
        format!(
            "{}, {}, {} of memory, pages of {}{cgroups}",
            things(u64::from(host.cpus), "CPU"),
            things(u64::from(host.nodes), "node"),
            bytes_or_dash(host.memory_bytes),
            text::bytes(host.page_size_bytes)
        ),
    );
}

/// Words of a command line, as a shell would take them.
fn joined(words: &[Text]) -> String {
    let word = |word: &Text| {
        let text = word.tty().to_string();
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=./,:@%+".contains(&b));
        if plain { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}
