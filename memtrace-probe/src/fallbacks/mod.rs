//! Hooks on functions, each with its methods in order of preference: where one kernel refuses a method, the next one is
//! tried.

mod method;
mod table;

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use aya::{Btf, Ebpf};

use self::method::{AttachMethod, ByName};
pub(super) use self::method::{AttachPoint, Attaching, ProgramsByName, unload};
pub(super) use self::table::{EVICTORS, FUNCTIONS, OFF_CPU, SWAP_EVICTORS};
use super::describe::{NO_PROBES, REFUSED};
use memtrace_core::{
    hook::{Attached, HookId, HookStatus, functions::FunctionHook},
    session::faults::FaultsRead,
    units::duration::nanoseconds,
};

/// The kernel's PMU for probes, which exists since 4.17 (e12f03d7031a).
const PROBES: &str = "/sys/bus/event_source/devices/kprobe";

/// A hook on a function and its methods to attach.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fallbacks {
    /// The hook, with the name that it has until a method has attached.
    pub(super) hook: FunctionHook,
    /// True when the hook reads members of structs. Without BTF, which has their offsets, it would count wrongly.
    needs_members: bool,
    methods: &'static [AttachMethod],
}

/// The counts that the attached hooks give.
pub(super) fn faults_read(hooks: &[HookStatus]) -> FaultsRead {
    let attached = |id: HookId| hooks.iter().find(|hook| hook.id == id && hook.is_attached());
    let refaults = attached(HookId::Refaults);
    FaultsRead {
        refaults: refaults.map(|hook| hook.name),
        // A kprobe sees the folio only at the entry.
        fate: refaults.is_some_and(|hook| hook.attached != Attached::Kprobe),
        swapins: attached(HookId::SwapIns).is_some(),
        major_faults: attached(HookId::MajorFaults).is_some(),
    }
}

/// A hook on a function, with the programs that the kernel has accepted so far.
#[derive(Debug)]
pub(super) struct LoadedFallbacks {
    fallbacks: Fallbacks,
    /// For each method its state, or the reason why it is ruled out.
    loaded: Vec<Result<Ready, String>>,
    /// Duration of the loading.
    took: Duration,
}

/// State of a method that may attach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ready {
    /// The programs are loaded.
    Loaded,
    /// The programs are loaded only if the methods before this one do not attach.
    ToLoad,
}

/// Methods that this kernel refuses for all functions. Each attempt takes some 10 ms.
#[derive(Debug)]
pub(super) struct Tried {
    /// True once the kernel has refused a typed program.
    typed_refused: AtomicBool,
    has_probes: bool,
}

impl Default for Tried {
    fn default() -> Self {
        Self { typed_refused: AtomicBool::new(false), has_probes: Path::new(PROBES).exists() }
    }
}

impl Fallbacks {
    /// True when a name on the command line means this hook or one of the places it attaches to.
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.hook.name == name || self.methods.iter().any(|method| method.is_named(name))
    }

    /// The programs of all methods, each with the place to which it attaches.
    pub(super) fn programs(self) -> impl Iterator<Item = (AttachPoint, &'static str)> {
        self.methods.iter().flat_map(|method| method.0.iter().copied())
    }

    /// True when the hook would count wrongly without BTF.
    pub(super) fn needs_members(&self) -> bool {
        self.needs_members
    }

    /// True when one of the methods needs neither BTF nor a function that can be traced.
    pub(super) fn has_classic_method(&self) -> bool {
        self.methods.iter().any(|method| method.is_classic())
    }

    /// Loads nothing, for this reason.
    pub(super) fn left_out(self, why: &str) -> LoadedFallbacks {
        LoadedFallbacks { loaded: vec![Err(why.to_owned()); self.methods.len()], fallbacks: self, took: Duration::ZERO }
    }

    /// Loads the programs of the first method that the kernel accepts, as far as that is known before the attaching.
    /// Programs that need BTF are loaded now or never.
    pub(super) fn load(self, programs: &mut impl ByName, btf: Result<&Btf, &String>, tried: &Tried) -> LoadedFallbacks {
        let (mut is_loaded, mut may_attach) = (false, false);
        let mut load = |method: &AttachMethod| {
            if method.is_typed() && tried.typed_refused.load(Ordering::Relaxed) {
                return Err(REFUSED.to_owned());
            }
            if method.is_probe() && !tried.has_probes {
                return Err(NO_PROBES.to_owned());
            }
            let ready = match method.needs_btf() {
                true if is_loaded => return Err("another method is in use".to_owned()),
                // A kernel that has probes may refuse all of them, which is known when the first is attached.
                false if may_attach || method.is_probe() => Ready::ToLoad,
                _ => {
                    let result = method.load(programs, btf);
                    if method.is_typed() && result.as_ref().is_err_and(|why| why == REFUSED) {
                        tried.typed_refused.store(true, Ordering::Relaxed);
                    }
                    result.map(|()| Ready::Loaded)?
                }
            };
            is_loaded |= ready == Ready::Loaded;
            may_attach = true;
            Ok(ready)
        };
        let begun = Instant::now();
        LoadedFallbacks { loaded: self.methods.iter().map(&mut load).collect(), fallbacks: self, took: begun.elapsed() }
    }
}

impl LoadedFallbacks {
    /// Attaches by the first method that the kernel accepts.
    pub(super) fn attach(self, ebpf: &mut Ebpf, attaching: &mut Attaching) -> HookStatus {
        let Fallbacks { hook: FunctionHook { id, name, gives, without, kind, .. }, methods, .. } = self.fallbacks;
        let begun = Instant::now();
        let status = |name, attached, verified_instructions| HookStatus {
            id,
            name,
            gives,
            without,
            required: false,
            kind,
            attached,
            unread: Vec::new(),
            verified_instructions,
            took_ns: nanoseconds(self.took + begun.elapsed()),
        };
        let mut reasons: Vec<String> = Vec::new();
        for (method, loaded) in methods.iter().zip(self.loaded) {
            match loaded.and_then(|ready| method.attach(ebpf, ready, attaching)) {
                Ok(()) => return status(method.target().0, method.attached(), method.instructions(ebpf)),
                Err(why) => {
                    let why = format!("{} {}: {why}", method.kind(), method.target().1);
                    if !reasons.contains(&why) {
                        reasons.push(why);
                    }
                }
            }
        }
        status(name, Attached::No(reasons.join("; ")), None)
    }
}
