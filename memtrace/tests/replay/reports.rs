use insta::assert_snapshot;
use memtrace_core::{hook::HookRecord, names::Names, session::filter::Filter};
use memtrace_report::{
    by::By,
    document::{TextForm, markdown, text},
    json::{Group, Object},
    replay::{Finished, Note, ReplayOptions},
    report::{Collector, ReportView, document},
};
use memtrace_trace::model::{CgroupLimits, HostFacts, Setting, SwapArea};

use crate::{
    clock,
    fixture::{HOSTILE, record},
    replay,
};

const ALL: [By; 6] = [By::Process, By::Cgroup, By::Node, By::Kind, By::Order, By::Gfp];

fn setting(name: &str, value: &str) -> Setting {
    Setting { name: name.into(), value: Some(value.into()) }
}

/// A host with hostile names.
fn host() -> HostFacts {
    HostFacts {
        host: HOSTILE.into(),
        kernel: "6.12.0\x1b[2J".into(),
        machine: "x86_64".into(),
        cpus: 2,
        nodes: 1,
        memory_bytes: Some(8 << 30),
        page_size_bytes: 4096,
        memory_cgroup: "v2".into(),
        swap: vec![SwapArea {
            name: "/dev/zram0\x1b".into(),
            kind: "zram".into(),
            size_bytes: 2 << 30,
            used_bytes: 1 << 20,
            priority: 100,
        }],
        sysctls: vec![
            setting("vm.swappiness", "60"),
            setting("vm.dirty_bytes", "0"),
            setting("vm.dirty_ratio", "20"),
            setting("vm.watermark_scale_factor", "10\x1b"),
        ],
        settings: vec![
            setting("transparent_hugepage/enabled", "always [madvise] never"),
            setting("lru_gen/enabled", "0x0007"),
            setting("zram0/disksize", "1"),
        ],
        cgroup_limits: vec![
            CgroupLimits { id: 1, path: "/web".into(), limits: vec![setting("memory.max", "536870912")] },
            CgroupLimits { id: 2, path: "/we".into(), limits: vec![setting("memory.max", "1")] },
        ],
        ..HostFacts::default()
    }
}

fn finished() -> (Finished, Collector) {
    let recorded = record(3, 12, &[5], &Filter::default(), 0);
    let mut collector = Collector::new(&ALL, None);
    let mut finished = replay(&recorded.segments, ReplayOptions::default(), &mut collector);
    finished.meta.host = host();
    finished.meta.setup.argv.push("--comm\x1b it's".into());
    finished.meta.setup.command = vec!["make".into(), "-j8".into()];
    finished.meta.setup.hooks = vec![HookRecord {
        name: "oom:mark_victim\x1b".into(),
        without: "no OOM kill is seen".into(),
        ..HookRecord::default()
    }];
    finished.notes = vec![
        Note::NoEnd { until_ns: Some(finished.summary.t_ns), stalls: 3 },
        Note::EventsStopped { t_ns: finished.summary.t_ns, text: "disk full\x1b".into() },
        Note::Damaged {
            parts: 1,
            bytes: 5000,
            what: "\x1b".to_owned(),
            between_ns: (None, Some(finished.summary.t_ns)),
        },
    ];
    (finished, collector)
}

fn view<'a>(clock: &'a memtrace_core::clock::Clock, filter: &'a Filter, width: Option<usize>) -> ReportView<'a> {
    ReportView { clock, filter, top: 3, width, utf8: false }
}

#[test]
fn the_text() {
    let (finished, collector) = finished();
    let (clock, filter) = (clock(), Filter::default());
    let document = document(&finished, &collector, &view(&clock, &filter, Some(80)));
    let page = text(&document, TextForm { width: Some(80), ..TextForm::default() });
    assert!(page.chars().all(|c| c == '\n' || !c.is_control()), "{page:?}");
    assert_snapshot!("report", page);
    let page = markdown(&document);
    assert!(page.chars().all(|c| c == '\n' || !c.is_control()), "{page:?}");
    assert_snapshot!("report-markdown", page);
}

#[test]
fn groups_are_what_the_schema_says() {
    let (finished, collector) = finished();
    let schema: serde_json::Value = serde_json::from_str(include_str!("../../../docs/json-schema.json")).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let (clock, gfp) = (clock(), memtrace_core::gfp::GfpNames::default());
    let names = Names { clock: &clock, cgroups: &finished.paths, gfp: &gfp };
    for table in collector.groups.tables(&finished.summary, &names) {
        let groups: Vec<Group> = table.objects().collect();
        assert!(!groups.is_empty());
        let shares: f64 = groups.iter().filter_map(|group| group.share).sum();
        assert!((shares - 1.0).abs() < 1e-9, "{shares}");
        for group in groups {
            let value = serde_json::to_value(Object::Group(group)).unwrap();
            if let Err(error) = validator.validate(&value) {
                panic!("{value}: {error}");
            }
        }
    }
}
