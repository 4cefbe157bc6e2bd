use std::time::Duration;

use clap::{CommandFactory as _, Parser as _, error::ErrorKind};
use memtrace_common::kind::StallKind;

use super::{Cli, Command, LiveArgs, completions, man};

fn live(line: &str) -> LiveArgs {
    match Cli::try_parse_from(line.split(' ')).map(Cli::into_command) {
        Ok(Command::Live(args)) => *args,
        other => panic!("{line}: {other:?}"),
    }
}

fn refused(line: &str) -> (ErrorKind, String) {
    let error = Cli::try_parse_from(line.split(' ')).unwrap_err();
    assert_eq!(error.exit_code(), 2, "{line}");
    (error.kind(), error.to_string())
}

#[test]
fn clap_finds_no_fault() {
    Cli::command().debug_assert();
}

#[test]
fn live_is_the_default() {
    assert_eq!(live("memtrace"), live("memtrace live"));
    assert_eq!(live("memtrace --json -d 5"), live("memtrace live --duration 5s --json"));
    let args = live("memtrace");
    assert_eq!((args.top, args.trace.interval, args.trace.duration), (10, None, None));
    assert!(args.output.asked.is_none() && args.trace.cmd.is_empty() && args.trace.ring_pages.is_none());
}

#[test]
fn selection() {
    let args = live("memtrace -p 1,22 --pid 3 --comm java --cgroup web* --kind direct,memcg_high --kind node");
    assert_eq!(args.trace.filter.pid, [1, 22, 3]);
    assert!(args.trace.filter.comm[0].matches(b"java"));
    assert_eq!(args.trace.filter.kind, [StallKind::Direct, StallKind::MemcgHigh, StallKind::Node]);
    assert!(args.trace.filter.cgroup[0].matches(b"/a/web-1/x"));
}

#[test]
fn short_stalls_are_hidden_from_lines_only() {
    assert_eq!(live("memtrace").min_stall(), Duration::from_millis(1));
    assert_eq!(live("memtrace --json").min_stall(), Duration::ZERO);
    assert_eq!(live("memtrace --json --min-stall 10us").min_stall(), Duration::from_micros(10));
}

#[test]
fn a_command_keeps_its_own_options() {
    let args = live("memtrace -v -- check --json -d x");
    assert_eq!(args.trace.cmd, ["check", "--json", "-d", "x"]);
    assert!(args.trace.verbose == 1 && args.output.asked.is_none());
    assert_eq!(live("memtrace live -- true").trace.cmd, ["true"]);
}

#[test]
fn other_commands() {
    let parse = |line: &str| Cli::try_parse_from(line.split(' ')).unwrap().into_command();
    assert!(matches!(parse("memtrace check"), Command::Check(args) if !args.json));
    assert!(matches!(parse("memtrace check --json"), Command::Check(args) if args.json));
    assert!(matches!(parse("memtrace man"), Command::Man));
    assert!(matches!(parse("memtrace completions bash"), Command::Completions { .. }));
}

#[test]
fn slips_say_what_is_expected() {
    for (line, needle) in [
        ("memtrace --kind slow", "possible values: direct, memcg, memcg_high, node"),
        ("memtrace -d 5x", "`5x` is not a duration"),
        ("memtrace -i 1ms", "at least 100ms"),
        ("memtrace -p 0", "expected process IDs such as 1234"),
        ("memtrace -p 1,nginx", "`pgrep -d, NAME`"),
        ("memtrace --comm a-name-that-is-too-long", "1 to 15 bytes"),
        ("memtrace --ring-pages 3", "not a power of two"),
        ("memtrace --lines --json", "cannot be used with"),
        ("memtrace chekc", "unexpected argument 'chekc'"),
        ("memtrace stress-ng --vm 1", "[-- <CMD>...]"),
        ("memtrace --json check", "unexpected argument 'check'"),
        ("memtrace completions tcsh", "possible values: bash"),
    ] {
        let (_, text) = refused(line);
        assert!(text.contains(needle), "{line}:\n{text}");
    }
}

#[test]
fn scripts_and_manual_are_written() {
    for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish] {
        let script = String::from_utf8(completions(shell)).unwrap();
        assert!(script.contains("min-stall"), "{shell}");
    }
    let page = String::from_utf8(man().unwrap()).unwrap();
    assert!(page.contains(".TH memtrace") && page.contains("Exit codes"));
}

#[test]
fn help() {
    // The width is that of the text, not of the terminal that runs the tests.
    let help = Cli::command().term_width(100).render_long_help().to_string();
    insta::assert_snapshot!(help);
}
