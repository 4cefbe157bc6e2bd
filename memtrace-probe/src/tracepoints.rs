//! Hooks on tracepoints: each a raw or BTF tracepoint where the kernel has BTF and accepts it, otherwise a classic one.

use std::time::{Duration, Instant};

use aya::{
    Btf, Ebpf,
    programs::{BtfTracePoint, Program, ProgramError, RawTracePoint, TracePoint},
};

use super::{describe::describe, programs::instructions_of};
use memtrace_core::hook::{Attached, catalog::Hook};

const NOT_IN_OBJECT: &str = "not in the object";

/// State of a loaded hook, or the reason why it is not loaded, and the duration of the loading.
pub(super) type LoadedHook = (Attached, Duration);

/// A hook without a loaded program, for this reason.
pub(super) fn left_out(why: &str) -> LoadedHook {
    (Attached::No(why.to_owned()), Duration::ZERO)
}

/// Loads one of the two programs of a hook: `raw`, which reads raw arguments, otherwise `classic`.
pub(super) fn load(
    hook: &Hook,
    raw: Option<&mut Program>,
    classic: Option<&mut Program>,
    btf: Result<&Btf, &String>,
) -> LoadedHook {
    let begun = Instant::now();
    let raw = btf.map_err(Clone::clone).and_then(|btf| load_raw(raw, hook.event, btf));
    let attached = raw.or_else(|why_raw| {
        let classic = typed_as::<TracePoint>(classic).and_then(|program| program.load().map_err(|e| describe(&e)));
        classic.map(|()| Attached::Tracepoint).map_err(|why| reasons(&why_raw, &why))
    });
    (attached.unwrap_or_else(Attached::No), begun.elapsed())
}

/// Loads a program that reads raw arguments, whose indices are from BTF.
fn load_raw(program: Option<&mut Program>, event: &str, btf: &Btf) -> Result<Attached, String> {
    let (done, attached) = match program.ok_or(NOT_IN_OBJECT)? {
        Program::BtfTracePoint(program) => (program.load(event, btf), Attached::BtfTracepoint),
        program => (typed_as::<RawTracePoint>(Some(program))?.load(), Attached::RawTracepoint),
    };
    done.map(|()| attached).map_err(|e| describe(&e))
}

/// Attaches a loaded hook. When a raw or BTF tracepoint cannot be attached, the classic one is tried.
pub(super) fn attach(ebpf: &mut Ebpf, hook: &Hook, loaded: Attached) -> Attached {
    let program = ebpf.program_mut(hook.program);
    let raw = match loaded {
        Attached::Tracepoint => None,
        Attached::RawTracepoint => Some(
            typed_as::<RawTracePoint>(program)
                .and_then(|program| program.attach(hook.event).map(drop).map_err(|e| describe(&e))),
        ),
        Attached::BtfTracepoint => Some(
            typed_as::<BtfTracePoint>(program).and_then(|program| program.attach().map(drop).map_err(|e| describe(&e))),
        ),
        not_loaded => return not_loaded,
    };
    let why_raw = match raw {
        Some(Ok(())) => return loaded,
        Some(Err(why)) => Some(why),
        None => None,
    };
    let classic = typed_as::<TracePoint>(ebpf.program_mut(&classic_name(hook))).and_then(|program| {
        if why_raw.is_some() {
            program.load().map_err(|e| describe(&e))?;
        }
        program.attach(hook.group, hook.event).map_err(|e| describe(&e))
    });
    match (classic, why_raw) {
        (Ok(_), _) => Attached::Tracepoint,
        (Err(why), None) => Attached::No(why),
        (Err(why), Some(why_raw)) => Attached::No(reasons(&why_raw, &why)),
    }
}

/// Number of instructions that the verifier processed for the attached program.
pub(super) fn verified_instructions(ebpf: &Ebpf, hook: &Hook, attached: &Attached) -> Option<u32> {
    match attached {
        Attached::RawTracepoint | Attached::BtfTracepoint => instructions_of(ebpf, hook.program),
        Attached::Tracepoint => instructions_of(ebpf, &classic_name(hook)),
        _ => None,
    }
}

/// Name of the program of a classic tracepoint.
pub(super) fn classic_name(hook: &Hook) -> String {
    format!("{}_tp", hook.program)
}

/// Converts a program to one of its type.
fn typed_as<'a, P>(program: Option<&'a mut Program>) -> Result<&'a mut P, String>
where
    &'a mut P: TryFrom<&'a mut Program, Error = ProgramError>,
{
    program.ok_or(NOT_IN_OBJECT)?.try_into().map_err(|e: ProgramError| describe(&e))
}

/// Both reasons, or one when they are equal.
fn reasons(raw: &str, classic: &str) -> String {
    if raw == classic { raw.to_owned() } else { format!("raw tracepoint: {raw}; classic tracepoint: {classic}") }
}
