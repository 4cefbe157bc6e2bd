//! Outputs, and the characters that must not be in them.

use std::{
    ffi::OsStr,
    path::Path,
    process::{Command, Output, Stdio},
};

use memtrace::screen::{Action, Look, Mode, Model, view};
use memtrace_core::gfp::GfpNames;
use memtrace_report::{
    json::MetaInput,
    output::Start,
    replay::{Items, Replay, ReplayOptions},
};
use memtrace_trace::{Reader, TraceItem};
use serde_json::Value;

/// All output so far.
#[derive(Default)]
pub(crate) struct Checked(String);

impl Checked {
    /// True when a word was in some output.
    pub(crate) fn saw(&self, word: &str) -> bool {
        self.0.contains(word)
    }

    /// Adds an output, every character of which must be harmless.
    pub(crate) fn text(&mut self, of: &str, text: &str) {
        if let Some(at) = text.find(|c: char| c != '\n' && is_hostile(c)) {
            let from = text[..at].rfind('\n').map_or(0, |at| at + 1);
            panic!("{of}: {:?} in {:?}", text[at..].chars().next(), text[from..].lines().next());
        }
        assert!(!text.contains("\\u{202e}\n"), "{of}: a newline of the trace is one in the output");
        self.0.push_str(text);
    }

    /// Like [`Self::text`] for lines of JSON, and for each string in them once it is parsed.
    fn json(&mut self, of: &str, lines: &str) {
        self.text(of, lines);
        for line in lines.lines() {
            self.value(of, &serde_json::from_str(line).unwrap());
        }
    }

    fn value(&mut self, of: &str, value: &Value) {
        match value {
            Value::String(text) => self.text(of, text),
            Value::Array(list) => list.iter().for_each(|value| self.value(of, value)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.text(of, name);
                    self.value(of, value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// True for a character that a terminal acts on or that hides. The list is written down here again, so that a gap in
/// the list of the code is found.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Runs memtrace and checks all of its output.
pub(crate) fn memtrace<S: AsRef<OsStr> + std::fmt::Debug>(dir: &Path, args: &[S], checked: &mut Checked) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memtrace"));
    command.current_dir(dir).args(args).env("TZ", "UTC").stdin(Stdio::null());
    let out = command.output().unwrap();
    let of = format!("{args:?}");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap_or_else(|e| panic!("{of}: {e}"));
    if args.iter().any(|arg| arg.as_ref() == "--json") {
        checked.json(&of, &text(&out.stdout));
    } else {
        checked.text(&of, &text(&out.stdout));
    }
    checked.text(&of, &text(&out.stderr));
    out
}

/// Checks each page of the screen and its details, in each grouping.
pub(crate) fn screens(trace: &[u8], checked: &mut Checked) {
    let mut reader = Reader::new(trace);
    let mut shown: Option<(Replay, Model)> = None;
    let mut items = Vec::new();
    while let Some(item) = reader.next_item().unwrap() {
        match (&mut shown, item) {
            (None, TraceItem::Meta(meta)) => {
                let clock = meta.clock.clock(jiff::tz::TimeZone::UTC);
                let gfp = GfpNames::from_list(&meta.setup.gfp_names);
                let of = MetaInput::of_trace(&meta, &meta.setup.filter, 0);
                let start = Start { clock: &clock, gfp: &gfp, start_ns: meta.start_ns(), meta: of };
                let model = Model::of(&start, Look { colour: false, utf8: true });
                shown =
                    Some((Replay::new(Some(*meta), ReplayOptions { rows: true, ..ReplayOptions::default() }), model));
            }
            (None, _) => {}
            (Some((replay, _)), item) => {
                let mut watch = Items { show: |item| items.push(item), min_stall_ns: 0, kswapd: true };
                replay.ingest(&item, reader.entries(), reader.paths(), &mut watch);
            }
        }
    }
    let (replay, mut model) = shown.unwrap();
    items.into_iter().chain([replay.finish().item()]).for_each(|item| model.push(item));
    for page in 1..=5 {
        model.act(Action::Page(page));
        for mode in [Mode::Page, Mode::Details] {
            model.mode = mode;
            for group in 0..7 {
                let of = format!("page {page}, group {group}");
                checked.text(&of, &view::text(&model, 200, 60));
                checked.text(&of, &view::text(&model, 80, 24));
                model.act(Action::Group);
            }
        }
        model.mode = Mode::Page;
    }
}
