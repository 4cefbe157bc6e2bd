//! One method for a hook on a function: its programs, and the way to load and attach each.

use std::collections::HashMap;

use aya::{
    Btf, Ebpf,
    programs::{
        BtfTracePoint, FEntry, FExit, KProbe, PerfEvent, Program, ProgramError, RawTracePoint, TracePoint,
        perf_event::{PerfEventConfig, PerfEventScope, SamplePolicy, SoftwareEvent},
        tp_btf::BtfTracePointLink,
    },
    util::online_cpus,
};

use super::super::{
    describe::{Failure, describe},
    programs::instructions_of,
};
use super::Ready;
use memtrace_core::hook::Attached;

/// Place to which a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttachPoint {
    /// The return of a function, typed.
    Fexit(&'static str),
    /// The entry of a function, typed.
    Fentry(&'static str),
    /// The entry of a function, by a probe.
    Kprobe(&'static str),
    /// The return of a function, by a probe.
    Kretprobe(&'static str),
    /// A tracepoint, by its full name: raw arguments.
    RawTracepoint(&'static str),
    /// A tracepoint, by its full name: raw arguments with types.
    BtfTracepoint(&'static str),
    /// A classic tracepoint, by its full name, which needs no BTF.
    Tracepoint(&'static str),
    /// The kernel's software event of major faults, on each CPU.
    MajorFaults,
}

/// State that is kept from one hook to the next while they are attached.
#[derive(Debug, Default)]
pub(crate) struct Attaching {
    /// The reason why this kernel lets us attach no probe, once it has refused one. Then no other probe is loaded,
    /// since the verifier takes some 10 ms for each.
    pub(crate) no_probes: Option<String>,
    /// The links of BTF tracepoints by program. Dropping a link detaches it.
    pub(crate) links: Vec<(&'static str, BtfTracePointLink)>,
}

/// The programs of one method, in the order of attaching: the end before the begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttachMethod(pub(crate) &'static [(AttachPoint, &'static str)]);

impl AttachMethod {
    /// Name of the method, and with it of the hook: the place to which its last program is attached. Returns the full
    /// name, and the name without the group.
    pub(super) fn target(self) -> (&'static str, &'static str) {
        self.0.last().map_or(("", ""), |(link, _)| link.target())
    }

    /// True when `name` is one of the places to which it attaches.
    pub(super) fn is_named(self, name: &str) -> bool {
        self.0.iter().any(|(link, _)| link.target().1 == name)
    }

    /// True when its programs need the kernel's BTF when they are loaded: to be checked against it, or because only BTF
    /// has the indices of the arguments. Programs of probes and classic tracepoints can be loaded later, when nothing
    /// else attaches.
    pub(super) fn needs_btf(self) -> bool {
        self.0.iter().any(|(link, _)| {
            use AttachPoint::{BtfTracepoint, Fentry, Fexit, RawTracepoint};
            matches!(link, Fexit(_) | Fentry(_) | RawTracepoint(_) | BtfTracepoint(_))
        })
    }

    /// True when all its programs are classic tracepoints.
    pub(super) fn is_classic(self) -> bool {
        self.0.iter().all(|(link, _)| matches!(link, AttachPoint::Tracepoint(_)))
    }

    /// True when it needs typed programs on functions.
    pub(super) fn is_typed(self) -> bool {
        self.0.iter().any(|(link, _)| matches!(link, AttachPoint::Fexit(_) | AttachPoint::Fentry(_)))
    }

    /// True when a probe comes first: then the others are probes, too.
    pub(super) fn is_probe(self) -> bool {
        matches!(self.0, [(AttachPoint::Kprobe(_) | AttachPoint::Kretprobe(_), _), ..])
    }

    /// Way in which it is attached, worded for a message.
    pub(super) fn kind(self) -> &'static str {
        self.attached().name().unwrap_or_default()
    }

    pub(super) fn attached(self) -> Attached {
        match self.0 {
            [(AttachPoint::Fexit(_), _), (AttachPoint::Fentry(_), _), ..] => Attached::FentryFexit,
            [(AttachPoint::Kretprobe(_), _), (AttachPoint::Kprobe(_), _), ..] => Attached::KprobeKretprobe,
            [(AttachPoint::Fexit(_), _), ..] => Attached::Fexit,
            [(AttachPoint::Fentry(_), _), ..] => Attached::Fentry,
            [(AttachPoint::Kprobe(_) | AttachPoint::Kretprobe(_), _), ..] => Attached::Kprobe,
            [(AttachPoint::RawTracepoint(_), _), ..] => Attached::RawTracepoint,
            [(AttachPoint::BtfTracepoint(_), _), ..] => Attached::BtfTracepoint,
            [(AttachPoint::Tracepoint(_), _), ..] => Attached::Tracepoint,
            [(AttachPoint::MajorFaults, _), ..] | [] => Attached::PerfEvent,
        }
    }

    /// Loads all its programs, or none.
    pub(super) fn load(self, programs: &mut impl ByName, btf: Result<&Btf, &String>) -> Result<(), String> {
        self.all(programs, |link, programs, name| link.load(programs, name, btf).map_err(|e| e.describe()))
    }

    /// Attaches all its programs, or none.
    pub(super) fn attach(self, ebpf: &mut Ebpf, ready: Ready, attaching: &mut Attaching) -> Result<(), String> {
        if let Some(why) = attaching.no_probes.as_ref().filter(|_| self.is_probe()) {
            return Err(why.clone());
        }
        let done = self.all(ebpf, |link, ebpf, program| {
            if ready == Ready::ToLoad {
                link.load(ebpf, program, Err(&String::new())).map_err(|e| e.describe())?;
            }
            link.attach(ebpf, program, attaching).map_err(|failure| {
                let why = failure.describe();
                if self.is_probe() && failure.is_of_all_perf_events() {
                    attaching.no_probes = Some(why.clone());
                }
                why
            })
        });
        if done.is_err() {
            attaching.links.retain(|(of, _)| self.0.iter().all(|(_, program)| program != of));
        }
        done
    }

    /// Does one step for each program. When one fails, all are unloaded, which detaches them.
    fn all<P: ByName>(
        self,
        programs: &mut P,
        mut step: impl FnMut(AttachPoint, &mut P, &'static str) -> Result<(), String>,
    ) -> Result<(), String> {
        let done = self.0.iter().try_for_each(|&(link, program)| step(link, programs, program));
        if done.is_err() {
            for (_, program) in self.0 {
                unload(programs, program);
            }
        }
        done
    }

    /// Number of instructions that the verifier processed for all its programs.
    pub(super) fn instructions(self, ebpf: &Ebpf) -> Option<u32> {
        self.0.iter().map(|(_, program)| instructions_of(ebpf, program)).sum()
    }
}

impl AttachPoint {
    /// Full name of the place to which it attaches, and the name without the group.
    pub(crate) fn target(self) -> (&'static str, &'static str) {
        let name = match self {
            Self::Fexit(name) | Self::Fentry(name) | Self::Kprobe(name) | Self::Kretprobe(name) => name,
            Self::RawTracepoint(name) | Self::BtfTracepoint(name) | Self::Tracepoint(name) => name,
            Self::MajorFaults => "major-faults",
        };
        (name, name.rsplit_once(':').map_or(name, |(_, event)| event))
    }

    /// Loads the program with this name.
    pub(crate) fn load(
        self,
        programs: &mut impl ByName,
        name: &str,
        btf: Result<&Btf, &String>,
    ) -> Result<(), Failure> {
        let btf = || btf.map_err(Clone::clone);
        match self {
            Self::Fexit(function) => program::<FExit>(programs, name)?.load(function, btf()?)?,
            Self::Fentry(function) => program::<FEntry>(programs, name)?.load(function, btf()?)?,
            Self::Kprobe(_) | Self::Kretprobe(_) => program::<KProbe>(programs, name)?.load()?,
            Self::RawTracepoint(_) => btf().and_then(|_| program::<RawTracePoint>(programs, name))?.load()?,
            Self::BtfTracepoint(_) => program::<BtfTracePoint>(programs, name)?.load(self.target().1, btf()?)?,
            Self::Tracepoint(_) => program::<TracePoint>(programs, name)?.load()?,
            Self::MajorFaults => program::<PerfEvent>(programs, name)?.load()?,
        }
        Ok(())
    }

    /// Way in which this program attaches.
    pub(crate) fn name(self) -> &'static str {
        let attached = match self {
            Self::Fexit(_) => Attached::Fexit,
            Self::Fentry(_) => Attached::Fentry,
            Self::Kprobe(_) => Attached::Kprobe,
            Self::Kretprobe(_) => return "kretprobe",
            Self::RawTracepoint(_) => Attached::RawTracepoint,
            Self::BtfTracepoint(_) => Attached::BtfTracepoint,
            Self::Tracepoint(_) => Attached::Tracepoint,
            Self::MajorFaults => Attached::PerfEvent,
        };
        attached.name().unwrap_or_default()
    }

    fn attach(self, ebpf: &mut Ebpf, name: &'static str, attaching: &mut Attaching) -> Result<(), Failure> {
        match self {
            Self::Fexit(_) => program::<FExit>(ebpf, name)?.attach().map(drop)?,
            Self::Fentry(_) => program::<FEntry>(ebpf, name)?.attach().map(drop)?,
            Self::Kprobe(function) | Self::Kretprobe(function) => {
                program::<KProbe>(ebpf, name)?.attach(function, 0).map(drop)?;
            }
            Self::RawTracepoint(_) => {
                program::<RawTracePoint>(ebpf, name)?.attach(self.target().1).map(drop)?;
            }
            Self::BtfTracepoint(_) => {
                let program = program::<BtfTracePoint>(ebpf, name)?;
                let link = program.attach()?;
                attaching.links.push((name, program.take_link(link)?));
            }
            Self::Tracepoint(event) => {
                let (group, event) = event.split_once(':').unwrap_or_default();
                program::<TracePoint>(ebpf, name)?.attach(group, event).map(drop)?;
            }
            Self::MajorFaults => {
                let program = program::<PerfEvent>(ebpf, name)?;
                for cpu in online_cpus().map_err(|(what, e)| format!("{what}: {e}"))? {
                    let scope = PerfEventScope::AllProcessesOneCpu { cpu };
                    let event = PerfEventConfig::Software(SoftwareEvent::PageFaultsMaj);
                    program.attach(event, scope, SamplePolicy::Period(1), false)?;
                }
            }
        }
        Ok(())
    }
}

/// Detaches and unloads a program. A program that was never loaded gives an error, which is ignored.
pub(crate) fn unload(programs: &mut impl ByName, name: &str) {
    let _ = match programs.by_name(name) {
        Some(Program::FExit(program)) => program.unload(),
        Some(Program::FEntry(program)) => program.unload(),
        Some(Program::KProbe(program)) => program.unload(),
        Some(Program::RawTracePoint(program)) => program.unload(),
        Some(Program::BtfTracePoint(program)) => program.unload(),
        Some(Program::PerfEvent(program)) => program.unload(),
        _ => Ok(()),
    };
}

fn program<'a, P>(programs: &'a mut impl ByName, name: &str) -> Result<&'a mut P, String>
where
    &'a mut P: TryFrom<&'a mut Program, Error = ProgramError>,
{
    programs.by_name(name).ok_or("not in the object")?.try_into().map_err(|e: ProgramError| describe(&e))
}

/// Some of the object's programs, by name.
pub(crate) type ProgramsByName<'a> = HashMap<&'a str, &'a mut Program>;

/// Programs that are found by name: all of the object, or some.
pub(crate) trait ByName {
    /// The program with this name.
    fn by_name(&mut self, name: &str) -> Option<&mut Program>;
}

impl ByName for Ebpf {
    fn by_name(&mut self, name: &str) -> Option<&mut Program> {
        self.program_mut(name)
    }
}

impl ByName for ProgramsByName<'_> {
    fn by_name(&mut self, name: &str) -> Option<&mut Program> {
        self.get_mut(name).map(|program| &mut **program)
    }
}
