//! The screen: pages at several sizes, and the effect of keys.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use memtrace::screen::{About, Action, Effect, Key, Level, Look, Mode, Model, Page, Playback, RowGroup, view};
use memtrace_common::kind::StallKind;
use memtrace_core::{
    clock::Clock,
    event::{Comm, Event, Evictor, EvictorKey, FileId, FileName, Oom, SampledRefault, Stall, Trigger, Victim},
    session::{
        Session, SessionConfig,
        evictors::{ByMemory, EvictorDeltas, Interval},
        input::{HostSample, KernelTotals, KindTotals, OpenStall, TickInput, Zone},
        item::Item,
    },
    source::Source,
};

const S: u64 = 1_000_000_000;
const SIZES: [(u16, u16); 4] = [(40, 10), (80, 24), (120, 40), (200, 60)];
/// A name that would clear the screen and forge a line.
const HOSTILE: &[u8] = b"\x1b[2J\nOOM\xff";

fn stall(t_ns: u64, n: u64, comm: &[u8], dur_ns: u64) -> Stall {
    let pid = 100 + u32::try_from(n).unwrap();
    Stall {
        t_ns,
        dur_ns,
        kind: StallKind::Memcg,
        source: Source::LowerBound,
        pid,
        tid: pid,
        comm: Comm::from(comm),
        process_start_ns: Some(1),
        cgroup_id: Some(40 + n % 2),
        order: Some(0),
        scanned_pages: Some(64),
        reclaimed_pages: Some(32),
        ..Stall::example()
    }
}

/// Refaults of one second: pages of the first process, evicted by kswapd and by a task with a hostile name.
fn evictors() -> ByMemory<EvictorDeltas> {
    let mut interval = ByMemory { files: Interval::default(), anon: Some(Interval::default()) };
    for (evictor, pid, comm, count) in [(60, 100, b"kswapd0".as_slice(), 30), (101, 100, HOSTILE, 10)] {
        let key = EvictorKey {
            evictor: Evictor { pid: evictor, comm: Comm::from(comm), is_kthread: evictor == 60 },
            pid,
            comm: Comm::from(b"java".as_slice()),
            cgroup_id: Some(40),
            file: Some(FileId { dev: (8, 1), ino: 7, name: FileName::from(b"index\x1b[2J.db".as_slice()) }),
        };
        (0..count).for_each(|_| interval.add(&SampledRefault { away_ns: S / 10, distance_pages: Some(6400), key }));
    }
    let evictor = Evictor { pid: 60, comm: Comm::from(b"kswapd0".as_slice()), is_kthread: true };
    let key = EvictorKey { evictor, pid: 100, comm: Comm::from(b"java".as_slice()), cgroup_id: Some(40), file: None };
    (0..5).for_each(|_| interval.add(&SampledRefault { away_ns: S, distance_pages: Some(640), key }));
    interval.take()
}

/// A model of `seconds` seconds, each with these stalls (name and duration in ns), and with `kill` a kill in the last
/// one.
fn model(seconds: u64, stalls: &[(&[u8], u64)], kill: bool) -> Model {
    model_in([b"/web", b"/db\x1b]0;x\x07"], seconds, stalls, kill)
}

/// Like [`model`], with these paths of the two cgroups that stall.
fn model_in(paths: [&[u8]; 2], seconds: u64, stalls: &[(&[u8], u64)], kill: bool) -> Model {
    let about = About { host: "web-07".into(), kernel: "6.8.0".into(), page_bytes: 4096, ..About::default() };
    let clock = Clock { mono_ns: 0, wall: Some(Timestamp::from_second(1_700_000_000).unwrap()), zone: TimeZone::UTC };
    let mut model = Model::new(about, Look { colour: false, utf8: true }, clock, S);
    let names: BTreeMap<u64, Vec<u8>> = [(40, paths[0].to_vec()), (41, paths[1].to_vec())].into();
    let mut session = Session::new(SessionConfig { rows: true, ..SessionConfig::default() });
    let mut totals = KernelTotals::default();
    totals.stalls.insert(StallKind::Memcg, KindTotals::default());
    for second in 1..=seconds {
        let t_ns = second * S;
        for (n, (comm, dur_ns)) in stalls.iter().enumerate() {
            let stall = stall(t_ns - 1000, n as u64, comm, dur_ns + second * 1000);
            let kind = totals.stalls.get_mut(&StallKind::Memcg).unwrap();
            kind.count += 1;
            kind.total_ns += stall.dur_ns;
            kind.max_ns = kind.max_ns.max(stall.dur_ns);
            kind.latency.record(stall.dur_ns);
            session.apply(&Event::Stall(stall), &names);
        }
        if kill && second == seconds {
            let victim = Victim {
                pid: 100,
                tid: 100,
                comm: Some(Comm::from(HOSTILE)),
                cgroup_id: Some(41),
                anon_rss_bytes: Some(1 << 20),
                file_rss_bytes: None,
                shmem_rss_bytes: None,
                oom_score_adj: Some(0),
            };
            let trigger = Trigger { pid: 101, comm: Comm::from(b"java".as_slice()) };
            let oom = Oom { t_ns: t_ns - 500, victim, trigger, ..Oom::default() };
            session.apply(&Event::Oom(oom), &names);
            model.push(Item::Oom(oom, [Some(paths[1].into()), None]));
        }
        totals.open = stalls
            .iter()
            .take(1)
            .map(|(comm, _)| OpenStall {
                pid: 100,
                tid: 100,
                comm: Some(Comm::from(*comm)),
                kind: StallKind::Direct,
                begin_ns: t_ns - 300_000_000,
            })
            .collect();
        let zone = Zone {
            nid: 0,
            name: "Normal".into(),
            free_pages: 900,
            min_pages: 1000,
            low_pages: 1250,
            high_pages: 1500,
            managed_pages: 100_000,
        };
        let input = TickInput {
            t_ns,
            evictors: (stalls.len() > 2).then(evictors),
            totals: totals.clone(),
            host: HostSample { zones: vec![zone], ..HostSample::default() },
            ..TickInput::default()
        };
        let tick = session.tick(&input, &names);
        let paths = names.iter().map(|(id, path)| (*id, Arc::from(path.as_slice()))).collect();
        model.push(Item::Tick(Box::new(tick), paths));
    }
    model
}

fn storm() -> Model {
    model(30, &[(b"java", 150_000_000), (b"postgres", 3_000_000), (b"cron", 50_000)], false)
}

fn keys(model: &mut Model, keys: &str) {
    for c in keys.chars() {
        model.key(if c == '\n' { Key::Enter } else { Key::Char(c) });
    }
}

#[test]
fn every_page_at_every_size() {
    let worlds = [
        ("empty", model(0, &[], false)),
        ("calm", model(5, &[], false)),
        ("storm", storm()),
        ("oom", model(12, &[(b"java", 20_000_000)], true)),
        ("hostile", model(3, &[(HOSTILE, 1_500_000_000), ("größe-日本".as_bytes(), 1000)], true)),
    ];
    for (name, mut model) in worlds {
        for page in 1..=5 {
            model.act(Action::Page(page));
            for (width, height) in SIZES {
                let text = view::text(&model, width, height);
                assert!(!text.contains('\x1b') && !text.contains('\x07'), "{name} {page}");
                assert_eq!(text.lines().count(), usize::from(height));
                insta::assert_snapshot!(format!("{name}-{page}-{width}x{height}"), text);
            }
        }
    }
}

#[test]
fn no_size_is_a_panic_and_ascii_is_ascii() {
    let mut model = model(70, &[(b"java", 150_000_000), ("größe-日本".as_bytes(), 1000)], true);
    model.look.utf8 = false;
    for mode in [Mode::Page, Mode::Help, Mode::Details, Mode::Typing("x".to_owned(), None)] {
        model.mode = mode;
        for page in [Page::Overview, Page::Tasks, Page::Nodes, Page::Ooms, Page::Hooks] {
            model.page = page;
            for width in [0, 1, 9, 10, 11, 25, 40, 133, 300] {
                for height in [0, 1, 2, 3, 4, 7, 10, 25, 80] {
                    assert!(view::text(&model, width, height).is_ascii());
                }
            }
        }
    }
}

#[test]
fn a_container_goes_by_its_short_name_and_is_found_by_its_path() {
    let id = "0123456789abcdef".repeat(4);
    let path = format!("/system.slice/docker-{id}.scope");
    let below = format!("{path}/worker");
    let stalls: [(&[u8], u64); 2] = [(b"java", 2_000_000), (b"python", 1_000_000)];
    let mut model = model_in([path.as_bytes(), below.as_bytes()], 3, &stalls, false);
    let names = |model: &Model| model.rows().into_iter().map(|row| row.name).collect::<Vec<_>>();
    keys(&mut model, "gg");
    assert_eq!((model.group, model.rows().len()), (RowGroup::Cgroup, 2));
    keys(&mut model, "g");
    // Both cgroups belong to the container: one row, whose quantiles are unknown.
    let rows = model.rows();
    assert_eq!(names(&model), ["docker:0123456789ab"]);
    assert_eq!((rows[0].stalls.count, rows[0].stalls.p99_ns), (2, None));
    assert_eq!(rows[0].stalls.total_ns, 3_006_000);
    keys(&mut model, &format!("/docker-{id}\n"));
    assert_eq!(names(&model), ["docker:0123456789ab"]);
}

#[test]
fn keys_filter_sort_group_and_drill_down() {
    let mut model = storm();
    let names = |model: &Model| model.rows().into_iter().map(|row| row.name).collect::<Vec<_>>();
    assert_eq!(names(&model), ["java (100)", "postgres (101)", "cron (102)"]);
    keys(&mut model, "S");
    assert_eq!(names(&model)[0], "cron (102)");
    keys(&mut model, "S/pid:101\n");
    assert_eq!(names(&model), ["postgres (101)"]);
    assert_eq!(model.filter_text, "pid:101");
    model.key(Key::Esc);
    keys(&mut model, "/>1ms kind:memcg\n");
    assert_eq!(names(&model).len(), 2);
    model.key(Key::Esc);
    keys(&mut model, "/pid:x\n");
    assert!(matches!(&model.mode, Mode::Typing(_, Some(wrong)) if wrong.contains("pid:4711")));
    model.key(Key::Esc);
    keys(&mut model, "gg");
    assert_eq!((model.group, names(&model)[0].as_str()), (RowGroup::Cgroup, "/web"));
    keys(&mut model, "gggg\n");
    assert_eq!(model.mode, Mode::Details);
    let details = view::text(&model, 110, 24);
    assert!(details.contains("java (100)"), "{details}");
    let evicted = "file pages that it read back were evicted by: kswapd0[60] 75%, \\x1b[2J\\x0aOOM\\xff[101] 25%";
    assert!(details.contains(evicted), "{details}");
    assert_eq!(model.key(Key::Ctrl('c')), Effect::Quit);
    assert_eq!((model.key(Key::Char('q')), model.key(Key::Ctrl('z'))), (Effect::Quit, Effect::Suspend));
    assert_eq!(model.key(Key::Char('+')), Effect::Interval(S / 2));
}

#[test]
fn rows_are_of_threads_nodes_and_kinds_too() {
    let mut model = storm();
    let first = |model: &Model| model.rows().into_iter().next().map(|row| (row.name, row.stalls.count)).unwrap();
    keys(&mut model, "g");
    assert_eq!((model.group, first(&model)), (RowGroup::Thread, ("java (100)".to_owned(), 1)));
    keys(&mut model, "ggg");
    // The events name no node: that is not node 0.
    assert_eq!((model.group, first(&model)), (RowGroup::Node, ("not read".to_owned(), 3)));
    keys(&mut model, "g");
    assert_eq!((model.group, first(&model)), (RowGroup::Kind, ("memcg".to_owned(), 3)));
}

#[test]
fn time_stands_still_and_goes_back() {
    let mut model = storm();
    assert_eq!(model.shown().unwrap().tick.t_ns, 30 * S);
    keys(&mut model, " ");
    keys(&mut model, "ttt");
    assert_eq!(model.shown().unwrap().tick.t_ns, 27 * S);
    assert!(view::text(&model, 80, 24).contains("PAUSED"));
    keys(&mut model, "T");
    assert_eq!(model.shown().unwrap().tick.t_ns, 28 * S);
    keys(&mut model, "w");
    assert_eq!(model.shown().unwrap().tick.t_ns, 30 * S);
    keys(&mut model, "n");
    assert_eq!(model.at_ns, None);
}

#[test]
fn the_verdict_names_the_most_stalled_process() {
    let headline = storm().headline();
    assert_eq!(headline.level, Level::Warning);
    assert!(headline.text.contains("100% in java") && headline.text.contains("not host"), "{}", headline.text);
    assert_eq!(model(5, &[], false).headline().level, Level::Ok);
    let oom = model(12, &[(b"java", 20_000_000)], true).headline();
    assert!(oom.level == Level::Critical && oom.text.contains("OOM kill"), "{}", oom.text);
}

/// A cgroup at its limit evicts pages, and so does the host: a wait for such a page does not show which one did.
#[test]
fn waits_for_evicted_pages_name_no_cause() {
    let mut tick = storm().shown().unwrap().tick.clone();
    let interval = tick.stalls[&StallKind::Memcg];
    for (kinds, cause) in [
        (&[StallKind::Thrash, StallKind::Swapin][..], None),
        (&[StallKind::Thrash, StallKind::Memcg], Some("cause: cgroup limit, not host")),
        (&[StallKind::Thrash, StallKind::Direct], Some("cause: host short of memory")),
        (&[StallKind::Memcg, StallKind::Direct], Some("cause: cgroup limits and host")),
    ] {
        tick.stalls = kinds.iter().map(|kind| (*kind, interval)).collect();
        let mut model = model(0, &[], false);
        model.push(Item::Tick(Box::new(tick.clone()), Vec::new()));
        let text = model.headline().text;
        assert_eq!(text.split("; ").find(|part| part.starts_with("cause")), cause, "{text}");
    }
}

/// A recording of thirty seconds with a kill at its end, played from its beginning.
fn played() -> Model {
    let mut played = model(0, &[], false);
    played.playback = Some(Playback { playing: true, speed: 1.0 });
    let live = model(30, &[(b"java", 150_000_000)], true);
    for frame in live.history().frames() {
        for (oom, path) in &frame.ooms {
            played.push(Item::Oom(*oom, path.clone()));
        }
        played.push(Item::Tick(Box::new(frame.tick.clone()), Vec::new()));
    }
    played
}

fn second(model: &Model) -> u64 {
    model.shown().unwrap().tick.t_ns / S
}

#[test]
fn a_recording_is_played_and_gone_through() {
    let mut model = played();
    assert_eq!(second(&model), 1);
    assert!(!model.advance(Duration::from_millis(900)) && model.advance(Duration::from_millis(200)));
    assert_eq!(second(&model), 2);
    keys(&mut model, "+++");
    model.advance(Duration::from_secs(1));
    assert_eq!(second(&model), 10);
    assert!(view::text(&model, 80, 24).contains("PLAY x8"));
    // After a jump the playback stands still until it is resumed.
    keys(&mut model, "t");
    assert!(!model.advance(Duration::from_secs(9)));
    assert_eq!(second(&model), 9);
    assert!(view::text(&model, 80, 24).contains("PAUSED"));
    keys(&mut model, "O");
    assert_eq!(second(&model), 30);
    keys(&mut model, "@5s\n");
    assert_eq!((second(&model), &model.mode), (5, &Mode::Page));
    keys(&mut model, "@-10s\n");
    assert_eq!(second(&model), 20);
    keys(&mut model, "@soon\n");
    assert!(view::text(&model, 80, 24).contains("`soon` is not a time"));
    model.key(Key::Esc);
    keys(&mut model, " ");
    assert!(model.advance(Duration::from_secs(9)));
    assert_eq!(second(&model), 30);
    assert!(view::text(&model, 80, 24).contains("END"));
    // At the end, playing begins anew.
    keys(&mut model, " ");
    assert_eq!(second(&model), 1);
    model.key(Key::Esc);
    assert_eq!(second(&model), 1);
    keys(&mut model, "n");
    assert_eq!(second(&model), 30);
}
