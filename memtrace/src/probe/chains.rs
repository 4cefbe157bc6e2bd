//! Hooks on functions, each with the ways to it in order of preference: what one kernel refuses the next one takes.

use aya::{
    Btf, Ebpf,
    programs::{
        BtfTracePoint, FEntry, FExit, KProbe, PerfEvent, ProgramError,
        perf_event::{PerfEventConfig, PerfEventScope, SamplePolicy, SoftwareEvent},
    },
    util::online_cpus,
};

use super::{load::instructions_of, places, words::in_words};
use crate::{
    hook::{Attached, HookStatus},
    session::faults::FaultsRead,
};

/// One way to a hook.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// A program on the return of a function.
    Fexit(&'static str),
    /// A program on the entry of a function.
    Fentry(&'static str),
    /// A probe on the entry of a function.
    Kprobe(&'static str),
    /// A tracepoint of this group that stands in for the function.
    BtfTracepoint(&'static str, &'static str),
    /// The kernel's software event of major faults, on each CPU.
    MajorFaults,
}

/// One thing to learn, and the ways to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    /// Its name until one way has worked.
    name: &'static str,
    gives: &'static str,
    without: &'static str,
    ways: &'static [(Way, &'static str)],
}

/// Names of all chains.
pub(super) const NAMES: [&str; 3] = [REFAULTS.name, SWAP_INS.name, MAJOR_FAULTS.name];

/// Name of the chain of refaults.
pub(super) const REFAULTS_NAME: &str = "workingset_refault";

/// Refaults.
pub(super) const REFAULTS: Chain = Chain {
    name: REFAULTS_NAME,
    gives: "refaults per process and cgroup",
    without: "refaults are unread, but for the kernel's own totals",
    ways: &[
        (Way::Fexit("workingset_refault"), "refault_out"),
        (Way::Kprobe("workingset_refault"), "refault_in"),
        (Way::BtfTracepoint("memcg", places::LRUVEC_STATE), "lruvec_state"),
    ],
};

/// Pages read back from swap.
pub(super) const SWAP_INS: Chain = Chain {
    name: "swap_read_folio",
    gives: "pages read back from swap, per process",
    without: "swap-ins per process are unread",
    ways: &[
        (Way::Fentry("swap_read_folio"), "swap_in"),
        (Way::Fentry("swap_readpage"), "swap_in"),
        (Way::Kprobe("swap_read_folio"), "swap_in_kprobe"),
        (Way::Kprobe("swap_readpage"), "swap_in_kprobe"),
    ],
};

/// Major faults.
pub(super) const MAJOR_FAULTS: Chain = Chain {
    name: "major-faults",
    gives: "major faults per process",
    without: "major faults per process are unread",
    ways: &[(Way::MajorFaults, "major_fault")],
};

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
    /// For each way: loaded, or why not.
    ways: Vec<Result<(), String>>,
}

impl Chain {
    /// Whether a name on the command line means this chain or one of its ways.
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.name == name || self.ways.iter().any(|(way, _)| way.target().1 == name)
    }

    /// Not loaded at all, for this reason.
    pub(super) fn left_out(self, why: &str) -> LoadedChain {
        LoadedChain { chain: self, ways: vec![Err(why.to_owned()); self.ways.len()] }
    }

    /// Loads the programs up to the first way that is sure to attach; the ones after it are not needed.
    pub(super) fn load(self, ebpf: &mut Ebpf, btf: Result<&Btf, &String>) -> LoadedChain {
        let mut ways = Vec::with_capacity(self.ways.len());
        let mut program_taken: Option<&str> = None;
        for (way, program) in self.ways {
            let result = match program_taken {
                // One program can be loaded for one function only.
                Some(taken) if taken == *program => Err("another way is taken".to_owned()),
                _ => way.load(ebpf, program, btf),
            };
            if result.is_ok() {
                program_taken = Some(program);
            }
            let sure = result.is_ok() && matches!(way, Way::Fexit(_) | Way::Fentry(_));
            ways.push(result);
            if sure {
                break;
            }
        }
        LoadedChain { chain: self, ways }
    }
}

impl LoadedChain {
    /// Attaches the first way that the kernel takes.
    pub(super) fn attach(self, ebpf: &mut Ebpf) -> HookStatus {
        let Chain { name, gives, without, ways } = self.chain;
        let status = |name, attached, verified_instructions| HookStatus {
            name,
            gives,
            without,
            required: false,
            attached,
            unread: Vec::new(),
            verified_instructions,
        };
        let mut reasons: Vec<String> = Vec::new();
        for ((way, program), loaded) in ways.iter().zip(self.ways) {
            match loaded.and_then(|()| way.attach(ebpf, program)) {
                Ok(()) => return status(way.target().0, way.attached(), instructions_of(ebpf, program)),
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

impl Way {
    /// The full name of what it attaches to, and its name alone.
    fn target(&self) -> (&'static str, &'static str) {
        match *self {
            Self::Fexit(function) | Self::Fentry(function) | Self::Kprobe(function) => (function, function),
            Self::BtfTracepoint("memcg", places::LRUVEC_STATE) => {
                ("memcg:mod_memcg_lruvec_state", places::LRUVEC_STATE)
            }
            Self::BtfTracepoint(_, event) => (event, event),
            Self::MajorFaults => ("major-faults", "major-faults"),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Fexit(_) => "fexit",
            Self::Fentry(_) => "fentry",
            Self::Kprobe(_) => "kprobe",
            Self::BtfTracepoint(..) => "BTF tracepoint",
            Self::MajorFaults => "perf event",
        }
    }

    fn attached(&self) -> Attached {
        match self {
            Self::Fexit(_) => Attached::Fexit,
            Self::Fentry(_) => Attached::Fentry,
            Self::Kprobe(_) => Attached::Kprobe,
            Self::BtfTracepoint(..) => Attached::BtfTracepoint,
            Self::MajorFaults => Attached::PerfEvent,
        }
    }

    fn load(&self, ebpf: &mut Ebpf, name: &str, btf: Result<&Btf, &String>) -> Result<(), String> {
        let words = |e: ProgramError| in_words(&e);
        match *self {
            Self::Fexit(function) => {
                program::<FExit>(ebpf, name)?.load(function, btf.map_err(Clone::clone)?).map_err(words)
            }
            Self::Fentry(function) => {
                program::<FEntry>(ebpf, name)?.load(function, btf.map_err(Clone::clone)?).map_err(words)
            }
            Self::Kprobe(_) => program::<KProbe>(ebpf, name)?.load().map_err(words),
            Self::BtfTracepoint(_, event) => {
                program::<BtfTracePoint>(ebpf, name)?.load(event, btf.map_err(Clone::clone)?).map_err(words)
            }
            Self::MajorFaults => program::<PerfEvent>(ebpf, name)?.load().map_err(words),
        }
    }

    fn attach(&self, ebpf: &mut Ebpf, name: &str) -> Result<(), String> {
        let words = |e: ProgramError| in_words(&e);
        match *self {
            Self::Fexit(_) => program::<FExit>(ebpf, name)?.attach().map(drop).map_err(words),
            Self::Fentry(_) => program::<FEntry>(ebpf, name)?.attach().map(drop).map_err(words),
            Self::Kprobe(function) => program::<KProbe>(ebpf, name)?.attach(function, 0).map(drop).map_err(words),
            Self::BtfTracepoint(..) => program::<BtfTracePoint>(ebpf, name)?.attach().map(drop).map_err(words),
            Self::MajorFaults => {
                let program = program::<PerfEvent>(ebpf, name)?;
                for cpu in online_cpus().map_err(|(what, e)| format!("{what}: {e}"))? {
                    let scope = PerfEventScope::AllProcessesOneCpu { cpu };
                    let event = PerfEventConfig::Software(SoftwareEvent::PageFaultsMaj);
                    program.attach(event, scope, SamplePolicy::Period(1), false).map_err(words)?;
                }
                Ok(())
            }
        }
    }
}

fn program<'a, P>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut P, String>
where
    &'a mut P: TryFrom<&'a mut aya::programs::Program, Error = ProgramError>,
{
    ebpf.program_mut(name).ok_or("not in the object")?.try_into().map_err(|e: ProgramError| in_words(&e))
}
