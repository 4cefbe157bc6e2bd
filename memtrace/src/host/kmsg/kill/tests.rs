use proptest::{collection::vec, prelude::any, proptest};

use super::{KillParser, LogKill, Record};
use memtrace_core::event::{Comm, Constraint};

fn kills(lines: &[&[u8]]) -> Vec<LogKill> {
    let mut parser = KillParser::default();
    let records = lines.iter().map(|text| Record { from_kernel: true, t_ns: 7, text: text.to_vec() });
    records.filter_map(|record| parser.push(&record)).collect()
}

fn announced(memcgs: &str, name: &str, pid: u32) -> Vec<u8> {
    format!("oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,{memcgs},task={name},pid={pid},uid=0")
        .into_bytes()
}

fn killed(name: &str, pid: u32) -> Vec<u8> {
    format!(
        "Memory cgroup out of memory: Killed process {pid} ({name}) total-vm:90000kB, anon-rss:40960kB, \
         file-rss:1024kB, shmem-rss:0kB, UID:0 pgtables:120kB oom_score_adj:0"
    )
    .into_bytes()
}

#[test]
fn a_limit() {
    let kills =
        kills(&[&announced("oom_memcg=/a,task_memcg=/a/b", "stress", 42), b"memory: usage 1kB", &killed("stress", 42)]);
    assert_eq!(
        kills,
        [LogKill {
            t_ns: 7,
            pid: 42,
            comm: Comm::from(&b"stress"[..]),
            constraint: Some(Constraint::Memcg),
            oom_memcg: Some(b"/a".to_vec()),
            task_memcg: Some(b"/a/b".to_vec()),
            anon_rss_bytes: Some(40960 * 1024),
        }]
    );
}

#[test]
fn the_host() {
    let kills = kills(&[
        b"oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/x,task=a,pid=1,uid=0",
        b"Out of memory: Killed process 1 (a) total-vm:1kB, anon-rss:2kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:8kB oom_score_adj:0",
    ]);
    assert_eq!((kills[0].constraint, kills[0].oom_memcg.as_deref()), (Some(Constraint::None), None));
    assert_eq!(kills[0].task_memcg.as_deref(), Some(&b"/x"[..]));
}

#[test]
fn without_the_announcement() {
    // The first line is rate limited, and members of a killed group have none.
    assert_eq!(kills(&[&killed("a", 5)])[0].constraint, Some(Constraint::Memcg));
    let global = b"Out of memory (oom_kill_allocating_task): Killed process 9 (b) total-vm:1kB, anon-rss:x";
    let kill = &kills(&[global])[0];
    assert_eq!((kill.constraint, kill.anon_rss_bytes), (None, None));
    // An announcement of another process is not taken for this one's.
    assert_eq!(kills(&[&announced("oom_memcg=/a,task_memcg=/a", "a", 4), &killed("a", 5)])[0].oom_memcg, None);
}

#[test]
fn hostile_task_names() {
    for name in ["a,pid=1,uid=0", ",task=x", "a) total-vm:1k", "(a) (b", "x\ny\x1b[2J", "", ") ", "\u{e4},task="] {
        let kills = kills(&[&announced("oom_memcg=/a,task_memcg=/a", name, 42), &killed(name, 42)]);
        assert_eq!((kills[0].pid, kills[0].comm), (42, Comm::from(name.as_bytes())), "{name:?}");
        assert_eq!(kills[0].task_memcg.as_deref(), Some(&b"/a"[..]), "{name:?}");
    }
}

#[test]
fn a_forged_path_is_unread() {
    let line = announced("oom_memcg=/a,task_memcg=/a,task_memcg=/b", "t", 42);
    let kills = kills(&[&line, &killed("t", 42)]);
    assert_eq!((kills[0].constraint, &kills[0].task_memcg), (Some(Constraint::Memcg), &None));
}

#[test]
fn other_lines() {
    assert!(
        kills(&[
            b"x: Killed process 1 (a) total-vm:1kB",
            b"Killed process 1",
            b"oom_reaper: reaped process 1 (a), now anon-rss:0kB"
        ])
        .is_empty()
    );
    let forged = Record { from_kernel: false, t_ns: 0, text: killed("a", 1) };
    assert_eq!(KillParser::default().push(&forged), None);
}

proptest! {
    #[test]
    fn no_bytes_panic(lines in vec(vec(any::<u8>(), 0..200), 0..4)) {
        let lines: Vec<_> = lines.into_iter().map(|line| [b"Out of memory: Killed process 1 (", &line[..]].concat()).collect();
        kills(&lines.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
}
