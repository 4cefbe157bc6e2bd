//! Hooks on functions, each with the ways to it in order of preference: what one kernel refuses the next one takes.

mod table;
mod way;

use aya::{Btf, Ebpf};
use memtrace_common::kind::StallKind;

pub(super) use self::table::{CHAINS, EVICTORS, FAILURES, OFF_CPU, OOM_KILL, REFAULTS, SWAP_EVICTORS, WRITTEN};
use self::way::Way;
use super::words::REFUSED;
use crate::{
    hook::{Attached, HookStatus},
    session::faults::FaultsRead,
};

/// One thing to learn, and the ways to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    /// Its name until one way has worked.
    pub(super) name: &'static str,
    gives: &'static str,
    without: &'static str,
    /// The kind of stall that it tells.
    tells: Option<StallKind>,
    /// Whether it judges by members of structs. Without BTF, which tells where they are, it would count wrongly.
    needs_members: bool,
    ways: &'static [Way],
}

/// Which counts the attached chains give, in the order refaults, swap-ins, major faults.
pub(super) fn faults_read(chains: &[HookStatus]) -> FaultsRead {
    let attached = |at: usize| chains.get(at).filter(|chain| chain.attached.name().is_some());
    FaultsRead {
        refaults: attached(0).map(|chain| chain.name),
        // A kprobe sees the folio on its way in only.
        fate: attached(0).is_some_and(|chain| chain.attached != Attached::Kprobe),
        swapins: attached(1).is_some(),
        major_faults: attached(2).is_some(),
    }
}

/// A chain whose programs are loaded as far as the kernel takes them.
#[derive(Debug)]
pub(super) struct LoadedChain {
    chain: Chain,
    /// For each way: loaded (or a probe, which is loaded when it is needed), or why not.
    ways: Vec<Result<(), String>>,
}

impl Chain {
    /// Whether a name on the command line means this chain or one of its ways.
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.name == name || self.ways.iter().any(|way| way.is_named(name))
    }

    /// Whether it would count wrongly without BTF.
    pub(super) fn needs_members(&self) -> bool {
        self.needs_members
    }

    /// Whether it has a way that needs no BTF and no function that can be traced.
    pub(super) fn has_classic_way(&self) -> bool {
        self.ways.iter().any(|way| way.is_classic())
    }

    /// Not loaded at all, for this reason.
    pub(super) fn left_out(self, why: &str) -> LoadedChain {
        LoadedChain { chain: self, ways: vec![Err(why.to_owned()); self.ways.len()] }
    }

    /// Loads the programs of the first way that the kernel's BTF allows. What is refused as such, whatever the function
    /// (`refused`), is tried once for all chains: each try looks through all of the kernel's BTF.
    pub(super) fn load(self, ebpf: &mut Ebpf, btf: Result<&Btf, &String>, refused: &mut bool) -> LoadedChain {
        let mut loaded = false;
        let load = |way: &Way| match way.needs_btf() {
            true if loaded => Err("another way is taken".to_owned()),
            true if *refused && way.is_typed() => Err(REFUSED.to_owned()),
            true => {
                let result = way.load(ebpf, btf);
                loaded = result.is_ok();
                *refused |= way.is_typed() && result.as_ref().is_err_and(|why| why == REFUSED);
                result
            }
            false => Ok(()),
        };
        LoadedChain { chain: self, ways: self.ways.iter().map(load).collect() }
    }
}

impl LoadedChain {
    /// Attaches the first way that the kernel takes.
    pub(super) fn attach(self, ebpf: &mut Ebpf) -> HookStatus {
        let Chain { name, gives, without, tells, ways, .. } = self.chain;
        let status = |name, attached, verified_instructions| HookStatus {
            name,
            gives,
            without,
            required: false,
            tells,
            attached,
            unread: Vec::new(),
            verified_instructions,
        };
        let mut reasons: Vec<String> = Vec::new();
        for (way, loaded) in ways.iter().zip(self.ways) {
            match loaded.and_then(|()| way.attach(ebpf)) {
                Ok(()) => return status(way.target().0, way.attached(), way.instructions(ebpf)),
                Err(why) => {
                    let why = format!("{} {}: {why}", way.kind(), way.target().1);
                    if !reasons.contains(&why) {
                        reasons.push(why);
                    }
                }
            }
        }
        status(name, Attached::No(reasons.join("; ")), None)
    }
}
