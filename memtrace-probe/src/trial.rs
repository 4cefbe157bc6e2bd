//! Loads the programs of one hook one by one, to get the verifier's result for each.

use aya::programs::Program;

use super::{
    error::LoadError,
    fallbacks::{AttachPoint, EVICTORS, FUNCTIONS, OFF_CPU, SWAP_EVICTORS, unload},
    object::{self, Opened},
    options::LoadOptions,
    programs::instructions_of,
};
use memtrace_core::hook::catalog::HOOKS;

/// A program that was passed to the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Name of the program in the object.
    pub program: String,
    /// The function or event that it attaches to.
    pub target: &'static str,
    /// Way in which it would attach.
    pub method: &'static str,
    /// Number of instructions that the verifier processed, where the kernel counts them (since 5.16: aba64c7da983),
    /// or the refusal.
    pub outcome: Result<Option<u32>, Refusal>,
}

/// The reason why a program was not loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, in words.
    pub why: String,
    /// The full log of the verifier; `None` when it wrote nothing.
    pub verifier_log: Option<String>,
}

/// Loads each program of a hook separately, by every method, and attaches none. The hook is one of
/// [`memtrace_core::hook::catalog::names`]; another name has no programs.
///
/// # Errors
/// When the kernel refuses our maps.
pub fn try_programs(hook: &str, options: &LoadOptions<'_>) -> Result<Vec<Trial>, LoadError> {
    let Opened { mut ebpf, btf, .. } = object::open(options)?;
    let is_typed = |program: &str| matches!(ebpf.program(program), Some(Program::BtfTracePoint(_)));
    let programs = programs(hook, is_typed);
    let trials = programs.into_iter().map(|(point, program)| {
        let loaded = point.load(&mut ebpf, &program, btf.as_ref());
        let refusal = |e: super::describe::Failure| Refusal { why: e.describe(), verifier_log: e.verifier_log() };
        let outcome = loaded.map(|()| instructions_of(&ebpf, &program)).map_err(refusal);
        // Another method may have the same program for another function.
        unload(&mut ebpf, &program);
        Trial { program, target: point.target().0, method: point.name(), outcome }
    });
    Ok(trials.collect())
}

/// The programs of a hook, in the order in which they are tried. `is_typed` returns true for the name of a program that
/// is a BTF tracepoint in the object.
fn programs(hook: &str, is_typed: impl Fn(&str) -> bool) -> Vec<(AttachPoint, String)> {
    let events = HOOKS.iter().filter(|event| event.event == hook).flat_map(|event| {
        let raw = if is_typed(event.program) { AttachPoint::BtfTracepoint } else { AttachPoint::RawTracepoint };
        let (raw, classic) = (raw(event.name), AttachPoint::Tracepoint(event.name));
        [(raw, event.program.to_owned()), (classic, format!("{}_tp", event.program))]
    });
    let functions = FUNCTIONS.into_iter().chain([OFF_CPU, EVICTORS, SWAP_EVICTORS]);
    let functions = functions.filter(|function| function.is_named(hook)).flat_map(|function| function.programs());
    events.chain(functions.map(|(point, program)| (point, program.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::programs;
    use memtrace_core::hook::catalog;

    #[test]
    fn each_hook_that_can_be_named_has_programs() {
        for name in catalog::names() {
            assert!(!programs(name, |_| false).is_empty(), "{name}");
        }
        assert!(programs("no_such_hook", |_| false).is_empty());
    }
}
