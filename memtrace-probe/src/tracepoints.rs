//! Hooks on tracepoints: each a BTF tracepoint where the kernel takes one, else a classic one.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use aya::{
    Btf, Ebpf,
    programs::{BtfTracePoint, Program, ProgramError, TracePoint},
};

use super::{describe::describe, programs::instructions_of};
use memtrace_core::hook::{
    Attached,
    catalog::{HOOKS, Hook},
};

/// Most threads that load programs.
const LOADERS: usize = 4;

/// A loaded hook, or the reason why it is not loaded, and the time that it took.
pub(super) type LoadedHook = (Attached, Duration);

/// Loads all hooks but those that are left out, in the order of [`HOOKS`]. Several at once: for each BTF tracepoint the
/// kernel searches all of its BTF by name, which takes it longer than the verifier.
pub(super) fn load_all(
    ebpf: &mut Ebpf,
    left_out: impl Fn(&Hook) -> bool,
    btf: Result<&Btf, &String>,
) -> Vec<LoadedHook> {
    let mut programs: HashMap<&str, &mut Program> = ebpf.programs_mut().collect();
    let mut jobs: Vec<Job<'_>> = Vec::with_capacity(HOOKS.len());
    for hook in HOOKS {
        let (typed, classic) = (programs.remove(hook.program), programs.remove(&*classic_name(hook)));
        let loaded = left_out(hook).then(|| (Attached::No("left out by --without".to_owned()), Duration::ZERO));
        jobs.push(Job { hook, typed, classic, loaded });
    }
    let queue = Mutex::new(jobs.iter_mut().filter(|job| job.loaded.is_none()));
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        while let Some(job) = next() {
            let begun = Instant::now();
            job.loaded = Some((job.load(btf), begun.elapsed()));
        }
    };
    let loaders = thread::available_parallelism().map_or(1, |cpus| cpus.get().min(LOADERS));
    thread::scope(|scope| {
        for _ in 1..loaders {
            // Without it the work takes longer, and is done all the same.
            let _ = thread::Builder::new().name("loader".to_owned()).spawn_scoped(scope, work);
        }
        work();
    });
    let not_loaded = || (Attached::No("not loaded".to_owned()), Duration::ZERO);
    jobs.into_iter().map(|job| job.loaded.unwrap_or_else(not_loaded)).collect()
}

/// A hook to load.
struct Job<'a> {
    hook: &'a Hook,
    typed: Option<&'a mut Program>,
    classic: Option<&'a mut Program>,
    loaded: Option<LoadedHook>,
}

impl Job<'_> {
    fn load(&mut self, btf: Result<&Btf, &String>) -> Attached {
        let event = self.hook.event;
        let typed = btf.map_err(Clone::clone).and_then(|btf| {
            let program: &mut BtfTracePoint = typed_as(self.typed.as_deref_mut())?;
            program.load(event, btf).map_err(|e| describe(&e))
        });
        let Err(why_btf) = typed else { return Attached::BtfTracepoint };
        let classic = typed_as::<TracePoint>(self.classic.as_deref_mut())
            .and_then(|program| program.load().map_err(|e| describe(&e)));
        match classic {
            Ok(()) => Attached::Tracepoint,
            Err(why) => Attached::No(reasons(&why_btf, &why)),
        }
    }
}

/// Attaches a loaded hook; a BTF tracepoint that cannot be attached gives way to a classic one.
pub(super) fn attach(ebpf: &mut Ebpf, hook: &Hook, loaded: Attached) -> Attached {
    let why_btf = match loaded {
        Attached::Tracepoint => None,
        Attached::BtfTracepoint => {
            let program: Result<&mut BtfTracePoint, _> = typed_as(ebpf.program_mut(hook.program));
            match program.and_then(|program| program.attach().map_err(|e| describe(&e))) {
                Ok(_) => return Attached::BtfTracepoint,
                Err(why) => Some(why),
            }
        }
        not_loaded => return not_loaded,
    };
    let classic = typed_as::<TracePoint>(ebpf.program_mut(&classic_name(hook))).and_then(|program| {
        if why_btf.is_some() {
            program.load().map_err(|e| describe(&e))?;
        }
        program.attach(hook.group, hook.event).map_err(|e| describe(&e))
    });
    match (classic, why_btf) {
        (Ok(_), _) => Attached::Tracepoint,
        (Err(why), None) => Attached::No(why),
        (Err(why), Some(why_btf)) => Attached::No(reasons(&why_btf, &why)),
    }
}

/// Number of instructions that the verifier went through for the program that is attached.
pub(super) fn verified_instructions(ebpf: &Ebpf, hook: &Hook, attached: &Attached) -> Option<u32> {
    match attached {
        Attached::BtfTracepoint => instructions_of(ebpf, hook.program),
        Attached::Tracepoint => instructions_of(ebpf, &classic_name(hook)),
        _ => None,
    }
}

/// Name of the program of a classic tracepoint.
fn classic_name(hook: &Hook) -> String {
    format!("{}_tp", hook.program)
}

/// A program as one of its type.
fn typed_as<'a, P>(program: Option<&'a mut Program>) -> Result<&'a mut P, String>
where
    &'a mut P: TryFrom<&'a mut Program, Error = ProgramError>,
{
    program.ok_or("not in the object")?.try_into().map_err(|e: ProgramError| describe(&e))
}

/// Both reasons, or one when they say the same.
fn reasons(btf: &str, classic: &str) -> String {
    if btf == classic { btf.to_owned() } else { format!("BTF tracepoint: {btf}; classic tracepoint: {classic}") }
}
