//! Rules that neither the dependencies of the crates nor clippy can enforce: the pure modules of the program stay pure,
//! text of others is escaped, each `unsafe` has its argument, and files stay small.
//!
//! Files are read as Rust tokens, so comments and strings never count, and `use std::{fs, io}` cannot hide a name.

#![expect(clippy::expect_used, reason = "a test that cannot read the sources has failed")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Modules of the program that only compute. For whole crates the rule is in their `clippy.toml`.
const PURE: &[&str] = &["memtrace/src/screen/", "memtrace/src/ab/plan/"];

/// Modules of the program that pure modules may name: themselves. Dependencies are in [`PURE_CRATES`].
const PURE_ROOMS: &[&str] = &["crate::screen", "crate::ab"];

/// Dependencies of the program that only compute. All others are closed to pure modules. `ratatui` also re-exports
/// crossterm, which rule 2 catches.
const PURE_CRATES: &[&str] = &[
    "memtrace_common",
    "memtrace_core",
    "memtrace_report",
    "memtrace_trace",
    "fastrand",
    "ratatui",
    "serde",
    "serde_json",
];

/// Names of the standard library and of [`PURE_CRATES`] that access the machine.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::io::stdout",
    "std::io::stdin",
    "std::io::stderr",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::process",
    "std::thread",
    "std::net",
    "std::os",
    "std::path",
    "fastrand::Rng::new",
    "print!",
    "println!",
    "eprint!",
    "eprintln!",
    "dbg!",
    "say!",
];

const MAX_LINES: usize = 400;
const MAX_TEST_LINES: usize = 600;

/// A name in the code: `std`, `std::fs`, `std::fs::read` (a path is listed with each of its prefixes), `println!`.
struct Name {
    path: String,
    line: usize,
}

/// All names of a file, `use` trees spelled out. Inline tests (they come last in a file) are left out.
fn names(text: &str) -> Vec<Name> {
    let code = text.split("\n#[cfg(test)]").next().unwrap_or_default();
    let mut found = Vec::new();
    collect(code.parse().expect("the file is Rust"), &[], &mut found);
    found
}

fn collect(stream: TokenStream, prefix: &[String], found: &mut Vec<Name>) {
    let mut path: Vec<String> = prefix.to_vec();
    let mut joined = !prefix.is_empty();
    let mut colons = 0;
    for token in stream {
        match token {
            TokenTree::Ident(ident) => {
                if !joined && colons != 2 {
                    path.clear();
                }
                path.push(ident.to_string());
                found.push(Name { path: path.join("::"), line: ident.span().start().line });
                (joined, colons) = (false, 0);
            }
            TokenTree::Punct(p) if p.as_char() == ':' => colons += 1,
            TokenTree::Punct(p) if p.as_char() == '!' => {
                if let Some(last) = found.last_mut() {
                    last.path.push('!');
                }
                (path, joined, colons) = (prefix.to_vec(), !prefix.is_empty(), 0);
            }
            TokenTree::Group(group) => {
                let tree = group.delimiter() == Delimiter::Brace && colons == 2;
                collect(group.stream(), if tree { &path } else { &[] }, found);
                (path, joined, colons) = (prefix.to_vec(), !prefix.is_empty(), 0);
            }
            _ => (path, joined, colons) = (prefix.to_vec(), !prefix.is_empty(), 0),
        }
    }
}

/// Rule 1: a pure module touches no file, clock, terminal, environment or kernel.
fn impure(file: &str, text: &str) -> Vec<String> {
    if !PURE.iter().any(|module| file.starts_with(module)) {
        return Vec::new();
    }
    let dependencies = dependencies();
    // A path is listed with each of its prefixes: the one of two segments stands for all longer ones.
    let is_closed = |n: &Name| match n.path.split("::").collect::<Vec<_>>()[..] {
        ["crate", _] => !PURE_ROOMS.contains(&n.path.as_str()),
        [root, _] => dependencies.iter().any(|name| name == root) && !PURE_CRATES.contains(&root),
        _ => false,
    };
    // `use std::io;` is allowed, `io::stdout()` after it is not. A lone `fs` is a variable.
    let short = |name: &str, path: &str| path.contains("::") && name.strip_prefix("std::") == Some(path);
    let bad = |n: &Name| IMPURE.iter().any(|name| n.path == *name || short(name, &n.path));
    let found = names(text);
    let bad = found.iter().filter(|n| bad(n) || is_closed(n));
    bad.map(|n| format!("{file}:{}: pure code names {}", n.line, n.path)).collect()
}

/// Dependencies of the program, by their names in code.
fn dependencies() -> Vec<String> {
    let manifest = include_str!("../memtrace/Cargo.toml");
    let table = manifest.split("\n[dependencies]\n").nth(1).expect("a table of dependencies");
    let lines = table.lines().take_while(|line| !line.starts_with('['));
    let names = lines.filter_map(|line| line.split(['.', ' ', '=']).next()).filter(|name| !name.is_empty());
    names.map(|name| name.replace('-', "_")).collect()
}

/// Rule 2: only `terminal` accesses the terminal.
fn crossterm_outside_terminal(file: &str, text: &str) -> Vec<String> {
    if !file.starts_with("memtrace/src/") || file.starts_with("memtrace/src/terminal") {
        return Vec::new();
    }
    names(text)
        .iter()
        .filter(|n| n.path.rsplit("::").next() == Some("crossterm"))
        .map(|n| format!("{file}:{}: names crossterm outside terminal/", n.line))
        .collect()
}

/// Conversions from bytes or a path to a string that leave control characters in it.
const UNESCAPED: &[&str] = &["from_utf8_lossy", "from_utf8_unchecked", "to_string_lossy", "display"];

/// Files that may use them: the renderers themselves; a locale and a host name, which are matched by character; the
/// patterns of a recording, which are parsed; mount options, which are looked up.
const MAY_UNESCAPE: &[&str] = &[
    "memtrace-core/src/untrusted.rs",
    "memtrace/src/terminal/mod.rs",
    "memtrace-trace/src/meta.rs",
    "memtrace/src/host/mounts.rs",
];

/// Crates whose text reaches people or other programs.
const SHOWING: &[&str] =
    &["memtrace/src/", "memtrace-core/src/", "memtrace-trace/src/", "memtrace-probe/src/", "memtrace-report/src/"];

/// Modules that only render: text leaves them through its renderers, never as raw bytes.
const RENDERING: &[&str] = &[
    "memtrace-report/src/text/",
    "memtrace-report/src/json/",
    "memtrace-report/src/report/",
    "memtrace-report/src/compare/",
    "memtrace/src/screen/",
];

/// Rule 3: text that somebody else chose is rendered by `untrusted` alone.
fn unescaped_text(file: &str, text: &str) -> Vec<String> {
    let shows = SHOWING.iter().any(|of_crate| file.starts_with(of_crate));
    if !shows || MAY_UNESCAPE.contains(&file) || file.contains("/tests/") || file.ends_with("/tests.rs") {
        return Vec::new();
    }
    let renders = RENDERING.iter().any(|module| file.starts_with(module));
    let last = |n: &Name| n.path.rsplit("::").next().unwrap_or_default().to_owned();
    let bad = |n: &Name| {
        let last = last(n);
        UNESCAPED.contains(&last.as_str()) || (renders && ["raw", "stored"].contains(&n.path.as_str()))
    };
    names(text).iter().filter(|n| bad(n)).map(|n| format!("{file}:{}: {} escapes nothing", n.line, n.path)).collect()
}

/// Rule 4: the comment above each `unsafe` argues why it is sound.
fn unargued_unsafe(file: &str, text: &str) -> Vec<String> {
    let mut unsafes = Vec::new();
    unsafe_lines(text.parse().expect("the file is Rust"), &mut unsafes);
    let lines: Vec<&str> = text.lines().collect();
    let argued = |line: usize| {
        let above = lines[..line - 1].iter().rev();
        let near = above.clone().take(3).any(|l| l.contains("// SAFETY:"));
        near || above.take_while(|l| l.trim_start().starts_with("//")).any(|l| l.contains("// SAFETY:"))
    };
    unsafes.into_iter().filter(|l| !argued(*l)).map(|l| format!("{file}:{l}: `unsafe` without // SAFETY:")).collect()
}

fn unsafe_lines(stream: TokenStream, found: &mut Vec<usize>) {
    let mut tokens = stream.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            // `#[unsafe(no_mangle)]` is an attribute and needs no argument.
            TokenTree::Ident(i) if i == "unsafe" => match tokens.peek() {
                Some(TokenTree::Group(g)) if g.delimiter() == Delimiter::Parenthesis => {}
                // `unsafe fn` puts the duty on the caller; unsafe operations in its body have blocks of their own.
                Some(TokenTree::Ident(next)) if next == "fn" => {}
                _ => found.push(i.span().start().line),
            },
            TokenTree::Group(group) => unsafe_lines(group.stream(), found),
            _ => {}
        }
    }
}

/// Rule 5: a file is small enough to be read in one go.
fn too_long(file: &str, text: &str) -> Vec<String> {
    let max = if file.starts_with("tests/") || file.contains("/tests/") { MAX_TEST_LINES } else { MAX_LINES };
    let lines = text.lines().count();
    if lines > max { vec![format!("{file}: {lines} lines, more than {max}: split it")] } else { Vec::new() }
}

type Rule = fn(&str, &str) -> Vec<String>;

/// Applies a rule to each Rust file of the workspace.
fn hold(rule: Rule) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace above tests/").to_owned();
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    assert!(files.len() > 10, "only {} Rust files under {}: looking in the wrong place", files.len(), root.display());
    let mut broken = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let file = path.strip_prefix(&root).expect("found below the root").to_string_lossy();
        broken.extend(rule(&file, &text));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

fn rust_files(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())) {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            // A folder with this tag is a cargo target directory, whatever its name.
            if !name.starts_with('.') && name != "target" && !path.join("CACHEDIR.TAG").exists() {
                rust_files(&path, files);
            }
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
}

#[test]
fn pure_modules_do_not_reach_for_the_machine() {
    hold(impure);
}

#[test]
fn only_the_terminal_names_crossterm() {
    hold(crossterm_outside_terminal);
    assert_eq!(crossterm_outside_terminal("memtrace/src/screen/view/mod.rs", "use crossterm::event;").len(), 1);
    assert_eq!(crossterm_outside_terminal("memtrace/src/screen/view/mod.rs", "use ratatui::crossterm;").len(), 1);
    assert_eq!(crossterm_outside_terminal("memtrace/src/terminal/show.rs", "use crossterm::event;").len(), 0);
}

#[test]
fn text_is_rendered_by_its_renderers() {
    hold(unescaped_text);
    let count = |file: &str, text: &str| unescaped_text(file, text).len();
    assert_eq!(count("memtrace/src/record/a.rs", "fn f(p: &Path) { format!(\"{}\", p.display()); }"), 1);
    assert_eq!(count("memtrace/src/live/a.rs", "fn f() { String::from_utf8_lossy(b); name.to_string_lossy() }"), 2);
    assert_eq!(count("memtrace-report/src/json/a.rs", "fn f(t: &Text) { t.raw(); t.stored(); t.json() }"), 2);
    assert_eq!(count("memtrace-trace/src/a.rs", "fn f(t: &Text) { t.raw(); }"), 0);
    assert_eq!(count("memtrace-core/src/untrusted.rs", "fn f() { String::from_utf8_lossy(b) }"), 0);
}

#[test]
fn every_unsafe_is_argued_for() {
    hold(unargued_unsafe);
}

#[test]
fn no_file_is_too_long() {
    hold(too_long);
}

#[test]
fn the_purity_rule_finds_each_way_to_name_a_thing() {
    let bad = [
        "use std::fs;",
        "use std::{collections::BTreeMap, time::{Duration, Instant}};",
        "use std::{io::{self, stdout}, fmt};",
        "fn f() { let t = std::time::SystemTime::now(); }",
        "fn f() { println!(\"x\"); }",
        "fn f() { if x { eprintln!(\"{}\", 1) } }",
        "use rustix::fs::stat;",
        "fn f() { unsafe { libc::getpid() } }",
        "use std::process as p;",
        "use std::io; fn f() { io::stdout() }",
        "fn f() { say!(\"x\") }",
        "use crate::{screen::Model, messages};",
        "fn f() { crate::host::clocks::monotonic_ns() }",
        "fn f() { jiff::Timestamp::now() }",
        "fn f() { fastrand::Rng::new() }",
        "use std::path::Path;",
    ];
    for text in bad {
        assert_eq!(impure("memtrace/src/screen/stall.rs", text).len(), 1, "{text}");
    }
}

#[test]
fn the_purity_rule_lets_pure_code_be() {
    let good = "use std::{collections::BTreeMap, fmt, time::Duration};\n\
                // std::fs::read, println!\n/// See `std::env`.\n\
                fn libc_like(fs: u8) -> String { format!(\"std::env {fs}\") }\n\
                struct S { aya_like: u8, time: Duration }\n\
                #[cfg(test)]\nmod tests { use std::fs; }\n";
    assert_eq!(impure("memtrace/src/screen/stall.rs", good), [] as [&str; 0]);
}

#[test]
fn the_purity_rule_knows_its_modules() {
    let count = |file: &str| impure(file, "use std::fs;").len();
    for file in ["screen/model.rs", "screen/view/a.rs", "ab/plan/a.rs"] {
        assert_eq!(count(&format!("memtrace/src/{file}")), 1, "{file}");
    }
    for file in ["main.rs", "terminal/show.rs", "screens.rs", "ab/store.rs"] {
        assert_eq!(count(&format!("memtrace/src/{file}")), 0, "{file}");
    }
}

#[test]
fn every_listed_place_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace above tests/").to_owned();
    for place in [PURE, MAY_UNESCAPE, SHOWING, RENDERING].concat() {
        assert!(root.join(place).exists(), "{place}");
    }
}

#[test]
fn the_unsafe_rule_can_fail() {
    let count = |text: &str| unargued_unsafe("a.rs", text).len();
    assert_eq!(count("fn f() {\n    unsafe { g() }\n}"), 1);
    assert_eq!(count("unsafe impl Send for S {}"), 1);
    assert_eq!(count("fn f() {\n    // SAFETY: g asks for nothing.\n    unsafe { g() }\n}"), 0);
    assert_eq!(count("// SAFETY: far away\n\n\n\nfn f() { unsafe { g() } }"), 1);
    assert_eq!(count("// SAFETY: a long one\n// b\n// c\n// d\nunsafe impl Send for S {}"), 0);
    assert_eq!(count("// unsafe\n/// `unsafe`\nconst S: &str = \"unsafe\";"), 0);
    assert_eq!(count("/// # Safety\n/// x\nunsafe fn f() {\n    unsafe { g() }\n}"), 1);
    assert_eq!(count("#[unsafe(no_mangle)]\nstatic X: u8 = 0;"), 0);
}

#[test]
fn the_length_rule_can_fail() {
    assert_eq!(too_long("memtrace/src/a.rs", &"\n".repeat(401)).len(), 1);
    assert_eq!(too_long("memtrace/src/a.rs", &"\n".repeat(400)).len(), 0);
    assert_eq!(too_long("tests/live.rs", &"\n".repeat(600)).len(), 0);
    assert_eq!(too_long("tests/live.rs", &"\n".repeat(601)).len(), 1);
}
