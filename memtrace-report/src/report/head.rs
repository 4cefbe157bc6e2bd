//! The head of a report: where, when and how it was recorded, and what must be known before any number is read.

use std::fmt::Write as _;

use super::ReportView;
use crate::{
    replay::{Finished, Note},
    text::{self, Colour, bytes_or_dash, duration, things},
};
use memtrace_core::untrusted::Text;
use memtrace_trace::model::Meta;

/// The head, several lines, ending with a newline.
pub(super) fn head(finished: &Finished, view: &ReportView<'_>) -> String {
    let meta = &finished.meta;
    let mut out = String::new();
    let (host, setup) = (&meta.host, &meta.setup);
    let or = |text: String, else_: &str| if text.is_empty() { else_.to_owned() } else { text };
    let word = |text: &Text| text.tty().to_string();
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "report of {}: Linux {} {}",
        or(word(&host.host), "a host that is not known"),
        or(word(&host.kernel), "-"),
        word(&host.machine)
    );
    let (summary, clock) = (&finished.summary, view.clock);
    if finished.is_empty {
        let is_asked = finished.notes.iter().any(|note| matches!(note, Note::EmptyWindow { .. }));
        let what = if is_asked { "nothing that lies in the time asked for" } else { "no interval" };
        let _ = writeln!(out, "recorded  {what}");
    } else {
        let from_ns = summary.t_ns.saturating_sub(summary.duration_ns);
        let from = clock.at(from_ns).to_zoned(clock.zone.clone());
        let to = clock.at(summary.t_ns).to_zoned(clock.zone.clone());
        let same_day = from.date() == to.date();
        let _ = writeln!(
            out,
            "recorded  {} to {} ({})",
            from.strftime("%Y-%m-%d %H:%M:%S"),
            to.strftime(if same_day { "%H:%M:%S %Z" } else { "%Y-%m-%d %H:%M:%S %Z" }),
            duration(summary.duration_ns)
        );
    }
    let version = or(word(&setup.version), "of an unknown version");
    let _ = writeln!(out, "by        memtrace {version}: {}", or(joined(&setup.argv), "-"));
    if !setup.command.is_empty() {
        let _ = writeln!(out, "command   {}", joined(&setup.command));
    }
    if meta.run > 0 {
        let _ = writeln!(out, "run       {}", meta.run);
    }
    let recorded = text::describe_filter(&setup.filter);
    if !recorded.is_empty() {
        let _ = writeln!(out, "filter    {recorded} (when it was recorded)");
    }
    machine(&mut out, meta);
    for hook in setup.hooks.iter().filter(|hook| hook.attached.is_none()) {
        let _ = writeln!(out, "missing   {}: {}", word(&hook.name), word(&hook.without));
    }
    for note in &finished.notes {
        let text = note.text(clock);
        let _ = if note.is_warning() {
            writeln!(out, "{}", view.style.paint(format!("WARNING   {text}"), Colour::Yellow))
        } else {
            writeln!(out, "note      {text}")
        };
    }
    out
}

fn machine(out: &mut String, meta: &Meta) {
    let host = &meta.host;
    if host.cpus == 0 && host.memory_bytes.is_none() {
        return;
    }
    let cgroups =
        if host.memory_cgroup.is_empty() { String::new() } else { format!(", cgroup {}", host.memory_cgroup.tty()) };
    let _ = writeln!(
        out,
        "host      {}, {}, {} of memory, pages of {}{cgroups}",
        things(u64::from(host.cpus), "CPU"),
        things(u64::from(host.nodes), "node"),
        bytes_or_dash(host.memory_bytes),
        text::bytes(host.page_size_bytes)
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
