//! `cargo xtask vm`: boot a Debian kernel under qemu and run something in it.
//!
//! With a command, the command's output is streamed and its status becomes ours. Without one, the
//! project's scenarios run and print one result line per kernel and check.
//!
//! The way of a run: [`kernels`] names a package, [`deb`] fetches it, [`modules`] picks what the guest must
//! load, [`initramfs`] packs it with busybox and the files asked for, [`qemu`] starts it, [`guest`] follows it
//! to its end. Nothing is installed on the machine; everything lives in one cache directory.

mod binaries;
mod deb;
mod docs;
mod guest;
mod host;
mod initramfs;
mod kernels;
mod modules;
mod options;
mod qemu;
mod scenario;
mod stream;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;

pub(crate) use self::binaries::Binaries;
use self::guest::{Guest, GuestEnd};
pub(crate) use self::host::Interrupted;
use self::host::{Host, Unavailable};
use self::kernels::Kernel;
pub(crate) use self::options::Args;
use self::scenario::{Bench, Check, CheckResult};
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
        scenarios(args, &host, &mut None).and_then(|(tally, flakes)| {
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

/// Run scenarios with these words of a command line; without any, all scenarios on the default kernel. Without programs,
/// static ones are built.
pub(crate) fn check(words: &[&str], programs: &mut Option<Binaries>) -> Result<(Tally, Vec<Flake>)> {
    scenarios(&Args::of(words)?, &Host::new()?, programs)
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
            // Whoever read the output has seen enough.
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

/// Run the wanted scenarios on each kernel, and print verdicts as they come.
fn scenarios(args: &Args, host: &Host, binaries: &mut Option<Binaries>) -> Result<(Tally, Vec<Flake>)> {
    let (mut tally, mut flakes) = (Tally::default(), Vec::new());
    for kernel in args.kernels() {
        let mut print_row = |scenario: &str, check: &Check| -> Result<()> {
            writeln!(io::stdout(), "{}", check.line(kernel.name, scenario))?;
            match check.result {
                CheckResult::Ok => tally.passed += 1,
                CheckResult::Flaky => {
                    tally.passed += 1;
                    let name = format!("guest {} {scenario} {}", kernel.name, check.name());
                    let flake = Flake { name, counted_failed: false };
                    // A scenario has a check of the same name for each hook: that is one flake.
                    if !flakes.contains(&flake) {
                        flakes.push(flake);
                    }
                }
                CheckResult::Failed => tally.failed += 1,
                CheckResult::Skipped => tally.skipped += 1,
            }
            Ok(())
        };
        let done = bench(args, host, kernel, binaries)
            .and_then(|bench| scenario::run_all(&bench, &args.scenarios, &mut print_row));
        if let Err(error) = done {
            match error.downcast_ref::<Unavailable>() {
                Some(reason) => print_row("kernel", &Check::skip("boot", reason.to_string()))?,
                None => return Err(error),
            }
        }
    }
    tally.flaky = flakes.len() as u64;
    Ok((tally, flakes))
}

/// What can be skipped is looked at before anything is built; built once for all kernels.
fn bench<'a>(
    args: &'a Args,
    host: &'a Host,
    kernel: &'a Kernel,
    binaries: &'a mut Option<Binaries>,
) -> Result<Bench<'a>> {
    guest::preflight(host)?;
    let image = deb::obtain(host, kernel)?;
    let binaries = match binaries {
        Some(binaries) => binaries,
        none => none.insert(match &args.binaries {
            Some(directory) => Binaries::in_directory(directory)?,
            None => Binaries::build()?,
        }),
    };
    Ok(Bench { host, kernel, image, binaries, keep: args.keep.as_deref(), verbose: args.verbose })
}
