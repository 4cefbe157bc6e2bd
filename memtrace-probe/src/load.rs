//! Loads the kernel side and attaches its hooks, each in the first way that this kernel accepts.

use std::time::Instant;

use aya::{
    Ebpf,
    maps::{MapData, RingBuf},
};
use memtrace_common::kind::StallKind;

use super::{
    describe::chain,
    error::LoadError,
    facts::KernelFacts,
    fallbacks::{self, Attaching, LoadedFallbacks},
    faults::FaultTables,
    kernel_log::KernelLog,
    kinds,
    loading::{self, LoadedPrograms},
    object::{self, Opened},
    options::{LoadOptions, MemoryHierarchy},
    programs::Programs,
    stacks::StackTables,
    stalled::{self, AlreadyStalled},
    totals::Totals,
    tracepoints,
};
use memtrace_core::{
    hook::{Attached, HookSet, HookStatus, catalog::HOOKS},
    session::faults::FaultsRead,
    source::Sources,
    untrusted::Text,
};

/// The attached kernel side. Dropping it detaches everything; so does the kernel when the process ends in any way.
pub struct Probe {
    /// Status of each hook on this kernel.
    pub hooks: Vec<HookStatus>,
    /// Bit and name of each allocation flag of this kernel.
    pub gfp_names: Vec<(u32, Text)>,
    /// Tasks already stalled at attach, or the reason why they could not be listed.
    pub already_stalled: Result<Vec<AlreadyStalled>, String>,
    /// The records.
    pub ring: RingBuf<MapData>,
    /// The exact totals.
    pub totals: Totals,
    /// Refaults by process and cgroup.
    pub faults: FaultTables,
    /// The fault counts that are read.
    pub faults_read: FaultsRead,
    /// The hooks that are attached.
    pub attached: HookSet,
    /// The stacks of stalls; `None` when they are not enabled.
    pub stacks: Option<StackTables>,
    /// The kinds of stall that are measured.
    pub kinds: Vec<StallKind>,
    /// Relation of the durations of each kind to the true stall.
    pub sources: Sources,
    /// The diagnostic log; `None` when it is not enabled.
    pub kernel_log: Option<KernelLog>,
    /// The programs, which run for as long as this value lives.
    pub programs: Programs,
}

/// A loaded kernel side that does not run yet: all steps that need the kernel's BTF, and with it much memory, are done.
pub struct Loaded {
    ebpf: Ebpf,
    facts: KernelFacts,
    programs: LoadedPrograms,
    hierarchy: MemoryHierarchy,
    stacks: bool,
    kernel_log: bool,
}

impl Loaded {
    /// Loads the programs, each in the first way that the kernel accepts.
    ///
    /// # Errors
    /// When the kernel accepts none of the maps or programs, with the reason.
    pub fn load(options: &LoadOptions<'_>) -> Result<Self, LoadError> {
        let Opened { mut ebpf, facts, btf } = object::open(options)?;
        let programs = loading::load(&mut ebpf, options, &facts, btf.as_ref());
        let LoadOptions { hierarchy, stacks, kernel_log, .. } = *options;
        Ok(Self { ebpf, facts, programs, hierarchy, stacks, kernel_log })
    }

    /// Attaches the loaded programs, ends before begins. From here on the kernel side counts.
    ///
    /// # Errors
    /// When none of the required hooks could be attached, with the table of hooks.
    pub fn attach(mut self) -> Result<Probe, LoadError> {
        let LoadedPrograms { hooks: loaded_hooks, functions, iterator } = self.programs;
        let mut hooks: Vec<HookStatus> = Vec::with_capacity(HOOKS.len());
        for (hook, (loaded, took)) in HOOKS.iter().zip(loaded_hooks) {
            let begun = Instant::now();
            let end = HOOKS.iter().zip(&hooks).find(|(other, _)| Some(other.id) == hook.end);
            let attached = match end.filter(|(_, status)| status.attached.name().is_none()) {
                Some((end, _)) => Attached::No(format!("its end event {} could not be attached", end.event)),
                None => tracepoints::attach(&mut self.ebpf, hook, loaded),
            };
            let verified = tracepoints::verified_instructions(&self.ebpf, hook, &attached);
            hooks.push(self.facts.status(hook, attached, verified, took + begun.elapsed()));
        }
        if !hooks.iter().any(HookStatus::measures_reclaim) {
            return Err(LoadError::NothingAttached(hooks));
        }
        let ebpf = &mut self.ebpf;
        let mut attaching = Attaching::default();
        let attach = |function: LoadedFallbacks| function.attach(ebpf, &mut attaching);
        let mut functions: Vec<HookStatus> = functions.into_iter().map(attach).collect();
        functions.iter_mut().for_each(|function| self.facts.read_failures_instead(function));
        let faults_read = fallbacks::faults_read(&functions);
        hooks.extend(functions);
        hooks.push(self.facts.zones_status());
        let attached = HookSet::attached(&hooks);
        let counted = self.facts.counted(&hooks, attached);
        let kinds = kinds::measured(&hooks);
        let sources = kinds::sources(&hooks, self.hierarchy);
        let already_stalled = iterator.and_then(|()| stalled::list(ebpf));
        let ring = RingBuf::try_from(take(ebpf, "RING")?).map_err(|e| LoadError::Refused(chain(&e)))?;
        let totals = Totals::of(counted, |map| take(ebpf, map))?;
        let faults = FaultTables::of(|map| take(ebpf, map))?;
        let stacks = self.stacks.then(|| StackTables::of(|map| take(ebpf, map))).transpose()?;
        let kernel_log = self.kernel_log.then(|| KernelLog::of(ebpf)).transpose()?;
        Ok(Probe {
            hooks,
            kernel_log,
            gfp_names: self.facts.gfp_names,
            already_stalled,
            ring,
            totals,
            faults,
            faults_read,
            attached,
            stacks,
            kinds,
            sources,
            programs: Programs { ebpf: self.ebpf, links: attaching.links },
        })
    }
}

fn take(ebpf: &mut Ebpf, map: &str) -> Result<aya::maps::Map, LoadError> {
    ebpf.take_map(map).ok_or_else(|| LoadError::Refused(format!("the object has no map {map}")))
}
