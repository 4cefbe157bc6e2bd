//! One way to a hook on a function: the programs that it needs, and how each is loaded and attached.

use aya::{
    Btf, Ebpf,
    programs::{
        BtfTracePoint, FEntry, FExit, KProbe, PerfEvent, Program, ProgramError, TracePoint,
        perf_event::{PerfEventConfig, PerfEventScope, SamplePolicy, SoftwareEvent},
        tp_btf::BtfTracePointLink,
    },
    util::online_cpus,
};

use super::super::{
    describe::{Failure, describe},
    programs::instructions_of,
};
use memtrace_core::hook::Attached;

/// What one program is attached to.
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
    /// A tracepoint that stands in for the function, by its full name.
    BtfTracepoint(&'static str),
    /// The same by a classic tracepoint, which needs no BTF.
    Tracepoint(&'static str),
    /// The kernel's software event of major faults, on each CPU.
    MajorFaults,
}

/// The state that is kept from one hook to the next while they are attached.
#[derive(Debug, Default)]
pub(crate) struct Attaching {
    /// The reason why this kernel lets us attach no probe at all. Then no other is loaded: the verifier takes some 10 ms for
    /// each.
    pub(crate) no_probes: Option<String>,
    /// The links of BTF tracepoints by program. One that is dropped is detached.
    pub(crate) links: Vec<(&'static str, BtfTracePointLink)>,
}

/// The programs of one way, in the order in which they are attached: the end before the begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttachMethod(pub(crate) &'static [(AttachPoint, &'static str)]);

impl AttachMethod {
    /// What the way is called by: what its last program is attached to, and with it the hook. The full name, and without
    /// the group.
    pub(super) fn target(self) -> (&'static str, &'static str) {
        self.0.last().map_or(("", ""), |(link, _)| link.target())
    }

    /// Whether a name means one of the places that it attaches to.
    pub(super) fn is_named(self, name: &str) -> bool {
        self.0.iter().any(|(link, _)| link.target().1 == name)
    }

    /// Whether its programs are checked against the kernel's BTF when they are loaded. Probes and classic tracepoints are
    /// not, and are loaded when nothing else attaches.
    pub(super) fn needs_btf(self) -> bool {
        self.0.iter().any(|(link, _)| {
            matches!(link, AttachPoint::Fexit(_) | AttachPoint::Fentry(_) | AttachPoint::BtfTracepoint(_))
        })
    }

    /// Whether its programs are classic tracepoints.
    pub(super) fn is_classic(self) -> bool {
        self.0.iter().all(|(link, _)| matches!(link, AttachPoint::Tracepoint(_)))
    }

    /// Whether it needs typed programs on functions.
    pub(super) fn is_typed(self) -> bool {
        self.0.iter().any(|(link, _)| matches!(link, AttachPoint::Fexit(_) | AttachPoint::Fentry(_)))
    }

    /// True when a probe stands first: then the others are probes, too.
    fn is_probe(self) -> bool {
        matches!(self.0, [(AttachPoint::Kprobe(_) | AttachPoint::Kretprobe(_), _), ..])
    }

    /// How it is attached, in words for a message.
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
            [(AttachPoint::BtfTracepoint(_), _), ..] => Attached::BtfTracepoint,
            [(AttachPoint::Tracepoint(_), _), ..] => Attached::Tracepoint,
            [(AttachPoint::MajorFaults, _), ..] | [] => Attached::PerfEvent,
        }
    }

    /// Loads all its programs, or none.
    pub(super) fn load(self, ebpf: &mut Ebpf, btf: Result<&Btf, &String>) -> Result<(), String> {
        self.all(ebpf, |link, ebpf, program| link.load(ebpf, program, btf).map_err(|e| e.describe()))
    }

    /// Attaches all its programs, or none. Probes are loaded first.
    pub(super) fn attach(self, ebpf: &mut Ebpf, attaching: &mut Attaching) -> Result<(), String> {
        if let Some(why) = attaching.no_probes.as_ref().filter(|_| self.is_probe()) {
            return Err(why.clone());
        }
        let done = self.all(ebpf, |link, ebpf, program| {
            if !self.needs_btf() {
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

    /// Does a step for each program; when one fails, all are unloaded, which detaches them.
    fn all(
        self,
        ebpf: &mut Ebpf,
        mut step: impl FnMut(AttachPoint, &mut Ebpf, &'static str) -> Result<(), String>,
    ) -> Result<(), String> {
        let done = self.0.iter().try_for_each(|&(link, program)| step(link, ebpf, program));
        if done.is_err() {
            for (_, program) in self.0 {
                unload(ebpf, program);
            }
        }
        done
    }

    /// How many instructions the verifier went through for all its programs.
    pub(super) fn instructions(self, ebpf: &Ebpf) -> Option<u32> {
        self.0.iter().map(|(_, program)| instructions_of(ebpf, program)).sum()
    }
}

impl AttachPoint {
    /// The full name of what it attaches to, and its name alone.
    pub(crate) fn target(self) -> (&'static str, &'static str) {
        let name = match self {
            Self::Fexit(name) | Self::Fentry(name) | Self::Kprobe(name) | Self::Kretprobe(name) => name,
            Self::BtfTracepoint(name) | Self::Tracepoint(name) => name,
            Self::MajorFaults => "major-faults",
        };
        (name, name.rsplit_once(':').map_or(name, |(_, event)| event))
    }

    /// Loads the program of this name.
    pub(crate) fn load(self, ebpf: &mut Ebpf, name: &str, btf: Result<&Btf, &String>) -> Result<(), Failure> {
        let btf = || btf.map_err(Clone::clone);
        match self {
            Self::Fexit(function) => program::<FExit>(ebpf, name)?.load(function, btf()?)?,
            Self::Fentry(function) => program::<FEntry>(ebpf, name)?.load(function, btf()?)?,
            Self::Kprobe(_) | Self::Kretprobe(_) => program::<KProbe>(ebpf, name)?.load()?,
            Self::BtfTracepoint(_) => program::<BtfTracePoint>(ebpf, name)?.load(self.target().1, btf()?)?,
            Self::Tracepoint(_) => program::<TracePoint>(ebpf, name)?.load()?,
            Self::MajorFaults => program::<PerfEvent>(ebpf, name)?.load()?,
        }
        Ok(())
    }

    /// The way in which it attaches, by itself.
    pub(crate) fn name(self) -> &'static str {
        let attached = match self {
            Self::Fexit(_) => Attached::Fexit,
            Self::Fentry(_) => Attached::Fentry,
            Self::Kprobe(_) => Attached::Kprobe,
            Self::Kretprobe(_) => return "kretprobe",
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

/// Detaches and unloads a program. One that was never loaded says so, and is as it should be.
pub(crate) fn unload(ebpf: &mut Ebpf, name: &str) {
    let _ = match ebpf.program_mut(name) {
        Some(Program::FExit(program)) => program.unload(),
        Some(Program::FEntry(program)) => program.unload(),
        Some(Program::KProbe(program)) => program.unload(),
        Some(Program::BtfTracePoint(program)) => program.unload(),
        Some(Program::PerfEvent(program)) => program.unload(),
        _ => Ok(()),
    };
}

fn program<'a, P>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut P, String>
where
    &'a mut P: TryFrom<&'a mut Program, Error = ProgramError>,
{
    ebpf.program_mut(name).ok_or("not in the object")?.try_into().map_err(|e: ProgramError| describe(&e))
}
