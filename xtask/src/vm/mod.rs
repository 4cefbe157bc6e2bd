//! `cargo xtask vm`: boot a Debian kernel under qemu and run something in it.
//!
//! With a command, the command's output is streamed and its status becomes ours. Without one, the
//! project's scenarios run and print one result line per kernel and check.
//!
//! The steps of a run: [`kernels`] names a package, [`deb`] fetches it, [`modules`] picks the modules that the
//! guest must load, [`initramfs`] packs them with busybox and the requested files, [`qemu`] starts the guest,
//! [`guest`] follows it to its end. Nothing is installed on the machine; everything lives in one cache directory.

mod binaries;
mod deb;
mod docs;
mod guest;
mod host;
mod initramfs;
mod kernels;
mod lanes;
mod modules;
mod options;
mod qemu;
mod scenario;
mod stream;

use std::io::{self, Write};
use std::process::ExitCode;
use std::slice;

use anyhow::Result;

pub(crate) use self::binaries::Binaries;
use self::guest::{Guest, GuestEnd};
pub(crate) use self::host::Interrupted;
use self::host::{Host, Unavailable};
use self::kernels::Kernel;
pub(crate) use self::lanes::Lanes;
pub(crate) use self::options::Args;
use self::scenario::{Bench, Boot, Check, CheckResult};
use crate::flaky::{self, Flake};
use crate::tally::Tally;

/// Run `cargo xtask vm`.
///
/// With a command the exit status is the command's own, 124 when the time was up, 125 when the guest went down
/// before the command ended, 126 when no guest could be started, 141 when nobody reads our output. Scenarios
/// exit with 1 when a check failed. A signal stops everything and exits with 130.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let host = Host::new()?;
    let done = if args.docs {
        docs::write(args, &host).map(|()| ExitCode::SUCCESS)
    } else if args.command.is_empty() {
        scenarios(slice::from_ref(args), &host, &mut None, &Lanes::all()).and_then(|(tally, flakes)| {
            flaky::report(&flakes)?;
            writeln!(io::stdout(), "vm: {tally}")?;
            Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        })
    } else {
        command(args, &host)
    };
    match done {
        Err(error) if error.is::<Interrupted>() => {
            eprintln!("xtask vm: {error}");
            Ok(ExitCode::from(130))
        }
        other => other,
    }
}

/// Run scenarios. Each request has the arguments of a command line; an empty one stands for all scenarios on the
/// default kernel. Without `programs`, static ones are built.
pub(crate) fn check(
    requests: &[&[&str]],
    programs: &mut Option<Binaries>,
    lanes: &Lanes,
) -> Result<(Tally, Vec<Flake>)> {
    let requests = requests.iter().map(|words| Args::of(words)).collect::<Result<Vec<_>>>()?;
    scenarios(&requests, &Host::new()?, programs, lanes)
}

/// Boot each kernel and run the command in it. The status is that of the first kernel where it was not 0.
fn command(args: &Args, host: &Host) -> Result<ExitCode> {
    let line = options::shell_line(&args.command);
    let mut first_bad = 0;
    let kernels = args.kernels();
    for kernel in &kernels {
        let status = match command_in(args, host, kernel, &line) {
            Ok(status) => status,
            Err(error) if error.is::<Interrupted>() => return Err(error),
            // The reader of the output has closed it.
            Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => {
                return Ok(ExitCode::from(141));
            }
            Err(error) => {
                eprintln!("xtask vm: {}: {error:#}", kernel.name);
                126
            }
        };
        if kernels.len() > 1 {
            eprintln!("xtask vm: {}: status {status}", kernel.name);
        }
        if first_bad == 0 {
            first_bad = status;
        }
    }
    Ok(ExitCode::from(first_bad))
}

fn command_in(args: &Args, host: &Host, kernel: &Kernel, line: &str) -> Result<u8> {
    let guest = Guest { kernel: deb::obtain(host, kernel)?, setup: args.setup()?, verbose: args.verbose };
    let output = guest.run(host, line, &mut io::stdout().lock())?;
    if args.verbose {
        eprintln!("xtask vm: {}: {:.1} s under {}", guest.kernel.release, output.elapsed.as_secs_f64(), output.accel);
    }
    match output.end {
        GuestEnd::Status(_) => {}
        GuestEnd::Timeout => eprintln!(
            "xtask vm: {}: no end after {} s, so the guest was killed; its last console lines:\n{}\
             \nGive it longer with --timeout, or see all of it with --verbose.",
            kernel.name,
            args.timeout,
            output.last_console_lines()
        ),
        GuestEnd::Died => eprintln!(
            "xtask vm: {}: the guest went down before the command ended; its last console lines:\n{}{}",
            kernel.name,
            output.last_console_lines(),
            output.qemu_said
        ),
    }
    Ok(output.end.exit_code())
}

/// A guest to boot: its environment, the boot, and the wanted scenarios.
struct Job<'a> {
    bench: Bench<'a>,
    boot: &'static Boot,
    wanted: &'a [String],
}

/// Run the wanted scenarios of each request on each of its kernels, and print verdicts as they come.
fn scenarios(
    requests: &[Args],
    host: &Host,
    binaries: &mut Option<Binaries>,
    lanes: &Lanes,
) -> Result<(Tally, Vec<Flake>)> {
    let mut results = Results::default();
    // Kernels that this machine cannot boot are found before anything is built.
    let mut images = Vec::new();
    for args in requests {
        for kernel in args.kernels() {
            match guest::preflight(host).and_then(|()| deb::obtain(host, kernel)) {
                Ok(image) => images.push((args, kernel, image)),
                Err(error) => results.unavailable(kernel, error)?,
            }
        }
    }
    let Some((args, ..)) = images.first() else { return Ok(results.finish()) };
    let binaries = programs(args, binaries)?;
    let jobs: Vec<Job<'_>> = images
        .into_iter()
        .flat_map(|(args, kernel, image)| {
            scenario::boots(&args.scenarios).map(move |boot| Job {
                bench: bench(args, host, kernel, image.clone(), binaries),
                boot,
                wanted: &args.scenarios,
            })
        })
        .collect();
    // A guest that this machine cannot start is skipped; the others still run.
    let work = |job: &Job<'_>| match job.bench.run_boot(job.boot, job.wanted) {
        Err(error) if error.is::<Unavailable>() => Ok(Err(error)),
        done => done.map(Ok),
    };
    lanes::run(lanes, &jobs, work, |job, done| match done {
        Ok(checks) => checks.iter().try_for_each(|(scenario, check)| results.add(job.bench.kernel, scenario, check)),
        Err(error) => results.unavailable(job.bench.kernel, error),
    })?;
    Ok(results.finish())
}

/// The programs: those given, those of --binaries, or newly built ones.
fn programs<'a>(args: &Args, programs: &'a mut Option<Binaries>) -> Result<&'a Binaries> {
    Ok(match programs {
        Some(programs) => programs,
        none => none.insert(match &args.binaries {
            Some(directory) => Binaries::in_directory(directory)?,
            None => Binaries::build()?,
        }),
    })
}

fn bench<'a>(
    args: &'a Args,
    host: &'a Host,
    kernel: &'a Kernel,
    image: deb::Image,
    binaries: &'a Binaries,
) -> Bench<'a> {
    Bench { host, kernel, image, binaries, keep: args.keep.as_deref(), verbose: args.verbose }
}

/// Sum of the printed results.
#[derive(Default)]
struct Results {
    tally: Tally,
    flakes: Vec<Flake>,
}

impl Results {
    /// Prints and counts a check.
    fn add(&mut self, kernel: &Kernel, scenario: &str, check: &Check) -> Result<()> {
        writeln!(io::stdout(), "{}", check.line(kernel.name, scenario))?;
        match check.result {
            CheckResult::Ok => self.tally.passed += 1,
            CheckResult::Flaky => {
                self.tally.passed += 1;
                let name = format!("guest {} {scenario} {}", kernel.name, check.name());
                let flake = Flake { name, counted_failed: false };
                // A scenario may have a check of the same name for each hook. They count as one flake.
                if !self.flakes.contains(&flake) {
                    self.flakes.push(flake);
                }
            }
            CheckResult::Failed => self.tally.failed += 1,
            CheckResult::Skipped => self.tally.skipped += 1,
        }
        Ok(())
    }

    /// Count a kernel that this machine cannot boot as a skip; pass on any other error.
    fn unavailable(&mut self, kernel: &Kernel, error: anyhow::Error) -> Result<()> {
        match error.downcast_ref::<Unavailable>() {
            Some(reason) => self.add(kernel, "kernel", &Check::skip("boot", reason.to_string())),
            None => Err(error),
        }
    }

    fn finish(mut self) -> (Tally, Vec<Flake>) {
        self.tally.flaky = self.flakes.len() as u64;
        (self.tally, self.flakes)
    }
}
