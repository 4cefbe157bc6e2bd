//! `cargo xtask ci`: all checks that must pass before a change lands, cheap ones first, each with its duration.

use std::{process::ExitCode, time::Instant};

use anyhow::Result;

use crate::{build, flaky, ledger::Ledger, lint, tally::Tally, test, tools, vm};

/// `cargo xtask ci [--full]`
#[derive(clap::Args)]
#[command(after_long_help = "\
Without --full: format, lints and the tests of the pure crates, on stable Rust alone. Then the toolchain of the kernel side, all
other tests and, beside them, all guests of 6.12 and one each of 5.10, 6.1 and 7.2. It ends at the first step that fails.

With --full: every scenario on every kernel, with static programs, the tests that take minutes each, the size of the release, and a round of the
live tests beside busy loops. Steps that passed on this commit are not run again: they are in target/ci-full.txt.")]
pub(crate) struct Args {
    /// Also what takes long: about 130 minutes; may be stopped and given again
    #[arg(long)]
    full: bool,
}

/// A step of the checks.
struct Step {
    name: &'static str,
    run: fn() -> Result<Tally>,
}

/// The part that needs only stable Rust: no nightly, no bpf-linker, no root.
const LINT: Step = Step { name: "lint of user space", run: lint::user_space };
const PURE: Step = Step { name: "tests of the pure crates", run: test::pure };
/// The first step that needs the kernel side. It installs the tools that build it.
const KERNEL_SIDE: Step = Step {
    name: "set-up and lint of the kernel side, documentation",
    run: || {
        tools::setup(true)?;
        lint::documentation()?;
        lint::kernel_side()
    },
};

/// Steps that each change must pass.
const PUSH: [Step; 4] = [
    LINT,
    PURE,
    KERNEL_SIDE,
    Step {
        name: "other tests, and guests",
        run: || {
            let guests = &["5.10", "6.1", "7.2", "--scenario", "check,direct-file"];
            test::tally(&test::Args { guests, without_pure: true, ..test::Args::default() })
        },
    },
];

/// Steps that are run by hand before an issue is reported as resolved.
const FULL: [Step; 9] = [
    LINT,
    KERNEL_SIDE,
    Step { name: "tests with the long ones", run: || test::tally(&test::Args { long: true, ..test::Args::default() }) },
    Step { name: "size of the static release", run: build::is_small },
    Step {
        name: "messages of the static release",
        run: || {
            let program = Some(build::static_release()?);
            test::tally(&test::Args { filter: Some("messages::".to_owned()), program, ..test::Args::default() })
        },
    },
    Step { name: "guests of 5.10", run: || guests(&["5.10"]) },
    Step { name: "guests of 6.1", run: || guests(&["6.1"]) },
    Step { name: "guests of 7.2", run: || guests(&["7.2"]) },
    Step {
        name: "live tests under load",
        run: || test::tally(&test::Args { repeat: Some(1), under_load: true, ..test::Args::default() }),
    },
];

pub(crate) fn ci(args: &Args) -> Result<ExitCode> {
    let sum = if args.full { full()? } else { push()? };
    println!("{sum}");
    Ok(if sum.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the steps up to the first one that fails.
fn push() -> Result<Tally> {
    let mut sum = Tally::default();
    for Step { name, run } in PUSH {
        println!("ci: {name}");
        let begun = Instant::now();
        sum.add(failed_if_error(name, run()));
        println!("ci: {name} took {} s", begun.elapsed().as_secs());
        if sum.failed > 0 {
            break;
        }
    }
    Ok(sum)
}

/// Runs the steps that have not passed yet. All run, even if one fails.
fn full() -> Result<Tally> {
    let mut ledger = Ledger::open("ci-full.txt")?;
    let mut sum = Tally::default();
    for Step { name, run } in FULL {
        println!("ci: {name}");
        let tally = ledger.until_passed(name, || match run() {
            Err(why) if why.is::<vm::Interrupted>() => Err(why),
            done => Ok(failed_if_error(name, done)),
        })?;
        sum.add(tally);
    }
    Ok(sum)
}

/// Turns an error of a step into a failure, so that its duration and the sum are still printed.
fn failed_if_error(name: &str, done: Result<Tally>) -> Tally {
    done.unwrap_or_else(|why| {
        println!("ci: {name}: {why:#}");
        Tally { failed: 1, ..Tally::default() }
    })
}

/// Runs scenarios in guests, with these arguments of `cargo xtask vm`.
fn guests(words: &[&str]) -> Result<Tally> {
    let (tally, flakes) = vm::check(&[words], &mut None, &vm::Lanes::all())?;
    flaky::report(&flakes)?;
    Ok(tally)
}
