//! The block on the state of the host before the start.

use std::fmt::Write as _;

use super::{
    number::{duration, things},
    oom::{limit, name},
    style::{Colour, Style},
};
use memtrace_core::at_start::{AtStart, PastOom};

/// Most OOM kills, and most tasks, that are listed one by one.
const LISTED: usize = 5;

/// The block, several lines, ending with a newline.
#[must_use]
pub fn at_start(before: &AtStart, style: Style) -> String {
    let mut out = String::from("before start:\n");
    // Writing to a String cannot fail.
    let _ = match &before.pressure {
        Ok(p) => writeln!(
            out,
            "  memory pressure  some {:.1} {:.1} {:.1} %  full {:.1} {:.1} {:.1} %  (last 10 s, 60 s, 300 s)",
            p.some_avg[0], p.some_avg[1], p.some_avg[2], p.full_avg[0], p.full_avg[1], p.full_avg[2]
        ),
        Err(why) => writeln!(out, "  memory pressure  not read: {}", why.tty()),
    };
    let window = duration(before.oom_window_ns);
    match &before.oom_kills {
        Ok(kills) if kills.is_empty() => {
            let _ = writeln!(out, "  OOM kills        none in the kernel log of the last {window}");
        }
        Ok(kills) => {
            let head = format!("  OOM kills        {} in the kernel log of the last {window}", kills.len());
            let _ = writeln!(out, "{}", style.paint(head, Colour::Red));
            for kill in kills.iter().take(LISTED) {
                past_oom(&mut out, kill);
            }
            more(&mut out, kills.len());
        }
        Err(why) => _ = writeln!(out, "  OOM kills        not read: {}", why.tty()),
    }
    match &before.in_reclaim {
        Ok(tasks) if tasks.is_empty() => out.push_str("  in reclaim       no task\n"),
        Ok(tasks) => {
            let _ = writeln!(out, "  in reclaim       {}, since before the start", things(tasks.len() as u64, "task"));
            for task in tasks.iter().take(LISTED) {
                let _ = writeln!(out, "    {}[{}] tid {}", name(&task.comm), task.pid, task.tid);
            }
            more(&mut out, tasks.len());
        }
        Err(why) => _ = writeln!(out, "  in reclaim       not read: {}", why.tty()),
    }
    out
}

fn past_oom(out: &mut String, kill: &PastOom) {
    let cgroup = kill.cgroup.as_ref().map_or_else(|| "-".to_owned(), |path| path.tty().to_string());
    let _ = writeln!(
        out,
        "    {} ago  {}[{}]  cgroup {cgroup}  limit: {}",
        duration(kill.ago_ns),
        kill.comm.tty(),
        kill.pid,
        limit(kill.constraint)
    );
}

fn more(out: &mut String, all: usize) {
    if all > LISTED {
        let _ = writeln!(out, "    and {} more", all - LISTED);
    }
}
