use insta::assert_snapshot;
use memtrace_common::{kind::StallKind, record::KswapdStep};
use memtrace_core::{
    event::Freed,
    hook::{Attached, HookId, HookRecord, HookStatus},
    session::{
        filter::Filter,
        pattern::{CgroupPattern, CommPattern},
        tick,
    },
    untrusted::Text,
};
use memtrace_report::json::{Kswapd, Meta, MetaInput, Object, Oom, OomFreed, Stall, Summary, Tick};
use serde_json::{Value, json};

use crate::{
    fixture::{SAMPLED, bare_stall, calm, incident, kswapd, stall, world},
    kills::{bare_oom, freed, oom},
};

const SCHEMA: &str = include_str!("../../../docs/json-schema.json");

fn filter() -> Filter {
    Filter {
        pids: vec![1234],
        comms: vec![CommPattern::parse("ja*").unwrap()],
        cgroups: vec![CgroupPattern::parse("kubepods.slice").unwrap()],
        containers: Vec::new(),
        kinds: vec![StallKind::Direct],
    }
}

fn meta(command: &[Text]) -> Meta {
    let hook = |id, name, attached, unread| {
        HookRecord::from(&HookStatus {
            id,
            name,
            gives: "stalls",
            without: "no stall is seen",
            required: true,
            kind: None,
            attached,
            unread,
            verified_instructions: None,
            took_ns: 0,
        })
    };
    let hooks = [
        hook(HookId::DirectBegin, "vmscan:mm_vmscan_direct_reclaim_begin", Attached::BtfTracepoint, Vec::new()),
        hook(HookId::MarkVictim, "oom:mark_victim", Attached::Tracepoint, vec!["comm"]),
        hook(HookId::Throttled, "vmscan:mm_vmscan_throttled", Attached::No("no such event\n".to_owned()), Vec::new()),
    ];
    let input = MetaInput {
        version: &"0.1.0".into(),
        kernel: &"6.12.0-test".into(),
        host: &b"db1\xff"[..].into(),
        page_size_bytes: 4096,
        hooks: &hooks,
        filter: &filter(),
        min_stall_ns: 0,
        interval_ns: 1_000_000_000,
        command,
    };
    Meta::new(&input, &world().clock)
}

/// One object or two of each type: each field that can be null is null in one of them.
fn objects() -> Vec<(&'static str, Object<'static>)> {
    let world = Box::leak(Box::new(world()));
    let names = world.names();
    let (bad_tick, bad) = incident(Filter::default());
    let (filtered_tick, filtered) = incident(filter());
    let (calm_tick, calm) = calm();
    vec![
        ("meta", Object::Meta(meta(&["stress".into(), "--vm\x1b".into()]))),
        ("meta-bare", Object::Meta(meta(&[]))),
        ("tick", Object::Tick(Tick::new(&bad_tick, &world.clock))),
        ("tick-filtered", Object::Tick(Tick::new(&filtered_tick, &world.clock))),
        ("tick-sampled", Object::Tick(Tick::new(&tick::Tick { sampled: Some(SAMPLED), ..bad_tick }, &world.clock))),
        ("tick-calm", Object::Tick(Tick::new(&calm_tick, &world.clock))),
        ("stall", Object::Stall(Stall::new(Box::leak(Box::new(stall())), &names))),
        ("stall-bare", Object::Stall(Stall::new(Box::leak(Box::new(bare_stall())), &names))),
        ("oom", Object::Oom(Oom::new(&oom(), &names))),
        ("oom-bare", Object::Oom(Oom::new(&bare_oom(), &names))),
        ("oom_freed", Object::OomFreed(OomFreed::new(&freed(), &names))),
        ("oom_freed-bare", Object::OomFreed(OomFreed::new(&Freed { comm: None, ..freed() }, &names))),
        ("kswapd-wakeup", Object::Kswapd(Kswapd::new(&kswapd(KswapdStep::Wakeup), &names))),
        ("kswapd-sleep", Object::Kswapd(Kswapd::new(&kswapd(KswapdStep::Sleep), &names))),
        ("summary", Object::Summary(Summary::new(&bad, &names))),
        ("summary-filtered", Object::Summary(Summary::new(&filtered, &names))),
        ("summary-calm", Object::Summary(Summary::new(&calm, &names))),
    ]
}

fn validator() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

#[test]
fn each_object_is_one_line_with_its_type_first() {
    for (name, object) in objects() {
        let line = object.to_line().map(String::from_utf8).unwrap().unwrap();
        let kind = name.split('-').next().unwrap();
        assert!(line.starts_with(&format!("{{\"type\":\"{kind}\",")), "{line}");
        assert!(line.ends_with('\n') && line.trim_end().chars().all(|c| !c.is_control()), "{line:?}");
    }
}

#[test]
fn objects_as_they_are() {
    for (name, object) in objects() {
        let value = serde_json::to_string_pretty(&object).unwrap();
        assert_snapshot!(format!("json-{name}"), value);
    }
}

#[test]
fn the_schema_is_made_from_the_types() {
    let made = memtrace_report::schema::schema().unwrap();
    assert!(made == SCHEMA, "docs/json-schema.json is not that of the types; `cargo xtask docs` makes it");
}

#[test]
fn objects_are_what_the_schema_says() {
    let validator = validator();
    for (name, object) in objects() {
        let value = serde_json::to_value(&object).unwrap();
        if let Err(error) = validator.validate(&value) {
            panic!("{name}: {error} at {}", error.instance_path());
        }
    }
}

#[test]
fn the_schema_refuses_what_is_not_ours() {
    let validator = validator();
    let nan = json!({"type": "tick", "t_ns": null});
    assert!(!validator.is_valid(&nan));
    for (name, object) in objects() {
        let whole = serde_json::to_value(&object).unwrap();
        let fields: Vec<String> = whole.as_object().unwrap().keys().cloned().collect();
        for field in fields {
            let mut without = whole.clone();
            without.as_object_mut().unwrap().remove(&field);
            assert!(!validator.is_valid(&without), "{name} without {field}");
            let mut wrong = whole.clone();
            wrong[&field] = json!({"what": "is this"});
            assert!(!validator.is_valid(&wrong), "{name} with a wrong {field}");
        }
        let mut more = whole.clone();
        more["more"] = json!(1);
        assert!(!validator.is_valid(&more), "{name} with one field more");
    }
}

#[test]
fn nothing_that_is_not_a_number_gets_out() {
    let (mut tick, _) = incident(Filter::default());
    tick.pressure.as_mut().unwrap().some_avg[0] = f64::NAN;
    tick.pressure.as_mut().unwrap().full_avg[0] = f64::INFINITY;
    let value = serde_json::to_value(Object::Tick(Tick::new(&tick, &world().clock))).unwrap();
    assert!(value["pressure"]["some_avg10_percent"].is_null() && value["pressure"]["full_avg10_percent"].is_null());
    assert!(validator().is_valid(&value));
}
