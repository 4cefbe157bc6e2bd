//! The `memtrace` binary.
fn main() {
    let t = std::time::Instant::now();
    let p = memtrace::probe::load::start(&memtrace::probe::load::Options {
        ring_bytes: 2 << 20,
        self_tgid: std::process::id(),
        hierarchy: memtrace::probe::load::MemoryHierarchy::V1,
        tracefs: Some(std::path::Path::new("/sys/kernel/tracing")),
    });
    let mut p = match p {
        Ok(p) => p,
        Err(e) => {
            println!("{e:#?}");
            return;
        }
    };
    println!("{:?}", t.elapsed());
    for h in &p.hooks {
        println!("{} {:?} {:?}", h.name, h.attached, h.unread);
    }
    println!("{:?} {:?}", p.already_stalled, p.gfp_names);
    for _ in 0..100 {
        std::thread::sleep(std::time::Duration::from_millis(50));
        let mut n = 0;
        while let Some(i) = p.ring.next() {
            n += 1;
            if n == 1 {
                let _ = i.len();
            }
        }
        if n > 0 {
            println!("{n}");
        }
    }
    let t = p.totals.read(&memtrace_common::kind::StallKind::ALL).unwrap();
    for (k, v) in &t.stalls {
        println!("{k:?} {} {} {} {} {}", v.count, v.total_ns, v.max_ns, v.scanned_pages, v.reclaimed_pages);
    }
    println!("{:?} {:?}", t.loss, t.kswapd);
}
