use insta::assert_snapshot;
use memtrace_common::{kind::StallKind, record::KswapdStep};
use memtrace_core::{
    at_start::AtStart,
    event::{Freed, FreedBy},
    session::{filter::Filter, summary::Summary},
};
use memtrace_report::text::{
    Style, SummaryView, at_start, freed_line, header, kswapd_line, oom_line, row, stall_header, stall_line,
};

use crate::{
    fixture::{SAMPLED, World, bare_stall, before, calm, incident, kswapd, stall, summary, world},
    kills::{bare_oom, freed, odd_ooms, oom},
};

const PLAIN: Style = Style { colour: false };
const WIDTHS: [Option<usize>; 3] = [Some(80), Some(120), None];

fn view(world: &World, width: Option<usize>) -> SummaryView<'_> {
    SummaryView { names: world.names(), top: 10, filter: "", width }
}

fn fits(text: &str, width: Option<usize>) {
    for line in text.lines() {
        assert!(width.is_none_or(|width| line.chars().count() <= width), "too wide: {line}");
    }
}

#[test]
fn rows() {
    let world = world();
    let (bad, _) = incident(Filter::default());
    let (calm, _) = calm();
    for (name, width) in ["80", "120", "all"].into_iter().zip(WIDTHS) {
        let (head, bad) = (header(width), row(&bad, &world.clock, width, PLAIN));
        let calm = row(&calm, &world.clock, width, PLAIN);
        fits(&head, width);
        fits(&bad, width);
        fits(&calm, width);
        assert_snapshot!(format!("row-{name}"), format!("{head}\n{bad}\n{calm}"));
    }
}

#[test]
fn columns_are_left_out_when_there_is_no_room() {
    for width in 80..300 {
        fits(&header(Some(width)), Some(width));
        fits(&stall_header(Some(width)), Some(width));
    }
    assert!(header(Some(40)).contains("kswapd"));
}

#[test]
fn stalls() {
    let world = world();
    for (name, width) in ["80", "120", "all"].into_iter().zip(WIDTHS) {
        let line = |stall| stall_line(&stall, &world.names(), width, PLAIN);
        let text = format!("{}\n{}\n{}", stall_header(width), line(stall()), line(bare_stall()));
        fits(&text, width);
        assert_snapshot!(format!("stall-{name}"), text);
    }
}

#[test]
fn oom_kills_and_kswapd() {
    let world = world();
    let names = world.names();
    let lines = [
        oom_line(&oom(), &names, PLAIN),
        oom_line(&bare_oom(), &names, PLAIN),
        odd_ooms().map(|oom| oom_line(&oom, &names, PLAIN)).join("\n"),
        freed_line(&freed(), &names, PLAIN),
        freed_line(&Freed { comm: None, by: FreedBy::Reaper, ..freed() }, &names, PLAIN),
        kswapd_line(&kswapd(KswapdStep::Wakeup), &names),
        kswapd_line(&kswapd(KswapdStep::Wake), &names),
        kswapd_line(&kswapd(KswapdStep::Sleep), &names),
    ];
    assert_snapshot!("oom-kswapd", lines.join("\n"));
}

#[test]
fn the_time_before() {
    assert_snapshot!("before", at_start(&before(), PLAIN));
    let why = || "Permission denied\x1b[2J (os error 13)".into();
    let unread = AtStart {
        pressure: Err(why()),
        oom_kills: Err(why()),
        in_reclaim: Ok(Vec::new()),
        oom_window_ns: 3_600_000_000_000,
    };
    assert_snapshot!("before-unread", at_start(&unread, PLAIN));
    let calm = AtStart { oom_kills: Ok(Vec::new()), in_reclaim: Err(why()), ..before() };
    assert_snapshot!("before-calm", at_start(&calm, PLAIN));
}

#[test]
fn summaries() {
    let world = world();
    let (_, bad) = incident(Filter::default());
    assert_snapshot!("summary-80", summary(&bad, &view(&world, Some(80))));
    assert_snapshot!("summary-top", summary(&bad, &SummaryView { top: 1, ..view(&world, None) }));
    let (_, calm) = calm();
    assert_snapshot!("summary-calm", summary(&calm, &view(&world, Some(80))));
    assert_snapshot!("summary-sampled", summary(&Summary { sampled: Some(SAMPLED), ..bad }, &view(&world, None)));
    let (_, filtered) = incident(Filter { kinds: vec![StallKind::Memcg], ..Filter::default() });
    assert_snapshot!(
        "summary-filtered",
        summary(&filtered, &SummaryView { filter: "--kind memcg", ..view(&world, None) })
    );
}

#[test]
fn colour_adds_escapes_and_nothing_else() {
    let world = world();
    let colour = Style { colour: true };
    let (bad, _) = incident(Filter::default());
    let pairs = [
        (oom_line(&oom(), &world.names(), colour), oom_line(&oom(), &world.names(), PLAIN), "\x1b[31m"),
        (
            stall_line(&bare_stall(), &world.names(), None, colour),
            stall_line(&bare_stall(), &world.names(), None, PLAIN),
            "\x1b[33m",
        ),
        (row(&bad, &world.clock, None, colour), row(&bad, &world.clock, None, PLAIN), "\x1b[33m"),
    ];
    for (coloured, plain, code) in pairs {
        assert!(coloured.contains(code));
        assert_eq!(coloured.replace(code, "").replace("\x1b[0m", ""), plain);
        assert!(!plain.contains('\x1b'));
    }
    assert!(!stall_line(&stall(), &world.names(), None, colour).contains('\x1b'));
}
