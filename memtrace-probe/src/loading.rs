//! Loads all programs, several at once: the verifier takes most of the start.

use std::collections::HashMap;

use aya::{Btf, Ebpf, programs::Program};

use super::{
    facts::KernelFacts,
    fallbacks::{EVICTORS, FUNCTIONS, Fallbacks, LoadedFallbacks, OFF_CPU, ProgramsByName, SWAP_EVICTORS, Tried},
    options::{AttachWith, LoadOptions},
    queue::{self, Job},
    stalled,
    tracepoints::{self, LoadedHook},
};
use memtrace_core::hook::{HookId, catalog::HOOKS};

/// The programs, each loaded in the first way that the kernel accepts, or the reason why it is not loaded.
pub(super) struct LoadedPrograms {
    /// Programs of [`HOOKS`], in that order.
    pub(super) hooks: Vec<LoadedHook>,
    /// Programs of the enabled hooks on functions, in the order of attaching.
    pub(super) functions: Vec<LoadedFallbacks>,
    /// The iterator over tasks.
    pub(super) iterator: Result<(), String>,
}

/// Loads all programs, except those that are left out.
pub(super) fn load(
    ebpf: &mut Ebpf,
    options: &LoadOptions<'_>,
    facts: &KernelFacts,
    btf: Result<&Btf, &String>,
) -> LoadedPrograms {
    let mut programs: ProgramsByName<'_> = ebpf.programs_mut().collect();
    let tried = Tried::default();
    let mut hooks: Vec<LoadedHook> = HOOKS.iter().map(|_| tracepoints::left_out("not loaded")).collect();
    let mut functions: Vec<(Fallbacks, LoadedFallbacks)> =
        asked_for(options).map(|function| (function, function.left_out("not loaded"))).collect();
    let mut iterator = Err("not loaded".to_owned());
    let mut jobs: Vec<Job<'_>> = Vec::new();
    for (function, loaded) in &mut functions {
        let mut own = taken(&mut programs, function.programs().map(|(_, name)| name));
        let (function, tried) = (*function, &tried);
        jobs.push(Box::new(move || {
            *loaded = match why_left_out(&function, options, facts) {
                Some(why) => function.left_out(why),
                None => function.load(&mut own, btf, tried),
            };
        }));
    }
    // The first function finds out what the kernel refuses to all functions, which saves the others an attempt. Some of
    // them take long, and should not come last.
    let walk = programs.remove(stalled::PROGRAM);
    let walk = || iterator = btf.map_err(Clone::clone).and_then(|btf| stalled::load(walk, btf));
    jobs.insert(jobs.len().min(1), Box::new(walk));
    for (hook, loaded) in HOOKS.iter().zip(&mut hooks) {
        let (raw, classic) = (programs.remove(hook.program), programs.remove(&*tracepoints::classic_name(hook)));
        jobs.push(Box::new(move || {
            *loaded = match options.without.iter().any(|event| event == hook.event) {
                true => tracepoints::left_out("left out by --without"),
                false => tracepoints::load(hook, raw, classic, btf),
            };
        }));
    }
    queue::run(jobs);
    LoadedPrograms { hooks, functions: functions.into_iter().map(|(_, loaded)| loaded).collect(), iterator }
}

/// The hooks on functions of every run, and the enabled optional ones.
fn asked_for(options: &LoadOptions<'_>) -> impl Iterator<Item = Fallbacks> {
    let off_cpu = options.off_cpu.then_some(OFF_CPU);
    let evictors = options.evictors.then_some([EVICTORS, SWAP_EVICTORS]).into_iter().flatten();
    FUNCTIONS.into_iter().chain(off_cpu).chain(evictors)
}

/// The reason why nothing of a hook on a function is loaded; `None` when it is to be loaded.
fn why_left_out(function: &Fallbacks, options: &LoadOptions<'_>, facts: &KernelFacts) -> Option<&'static str> {
    if options.without.iter().any(|name| function.is_named(name)) {
        return Some("left out by --without");
    }
    if options.attach_with == AttachWith::ClassicOnly && !function.has_classic_method() {
        return Some("without BTF no tracepoint reports it");
    }
    if !options.refaults && function.hook.id == HookId::Refaults {
        return Some("left out by --no-refaults");
    }
    if function.needs_members() && facts.btf.is_err() {
        return Some("it reads members of the kernel's structs, whose layout is unknown without BTF");
    }
    let is_of_swap = function.hook.id == HookId::SwapEvictors;
    if (is_of_swap || function.hook.id == HookId::Evictors) && !facts.eviction.is_known() {
        return Some("this kernel's BTF does not show how a page refers to its file");
    }
    if is_of_swap && options.without.iter().any(|name| EVICTORS.is_named(name)) {
        return Some("it needs the hook of file pages, which is left out by --without");
    }
    if is_of_swap && facts.eviction.slot.offset().is_none() {
        return Some("this kernel's BTF does not show where a page is in swap");
    }
    None
}

/// Takes the programs with these names out of `programs`.
fn taken<'a>(
    programs: &mut ProgramsByName<'a>,
    names: impl Iterator<Item = &'static str>,
) -> HashMap<&'a str, &'a mut Program> {
    names.filter_map(|name| programs.remove_entry(name)).collect()
}
