//! An experiment on the running host: two settings in alternating blocks, everything recorded, the original values
//! restored however it ends.
//!
//! [`plan`] computes; the rest reads and writes.

mod ask;
mod experiment;
mod files;
mod outcome;
pub mod plan;
mod store;
mod undo;
mod write;

use std::path::Path;

use anyhow::{Result, bail};

pub use self::store::is_left_behind;
use self::{
    experiment::Experiment,
    plan::{Host, Knob, Plan, Present, Schedule, describe, journal::Journal, risks},
    store::Store,
};
use crate::{
    cli::AbArgs,
    exit,
    live::{self, Job},
    messages, preflight,
    record::{
        default_name,
        plan::{Destination, RecordPlan},
    },
    stdout,
};
use memtrace_core::units::duration::nanoseconds;

/// Hint for settings that a killed experiment left changed.
pub const LEFT_BEHIND: &str =
    "an experiment that was killed left settings changed: `sudo memtrace ab --restore` puts them back";

/// Runs an experiment, or restores the settings that a killed one left changed; the result is the exit status.
///
/// # Errors
/// When the journal of original values cannot be used, an earlier experiment cannot be undone, or the tracing or the
/// comparison fails; the settings are restored first.
pub fn run(args: &AbArgs) -> Result<u8> {
    if args.dry_run {
        return dry_run(args);
    }
    if let Some(message) = preflight::missing_rights_message(&preflight::gather()) {
        messages::print(message);
        return Ok(exit::CANNOT_TRACE);
    }
    let store = Store::open(Path::new(store::DIRECTORY))?;
    if args.restore {
        return outcome::restore(&store);
    }
    if let Some(journal) = store.journal()? {
        if !ask::put_back(&journal, args.yes)? {
            say!("{LEFT_BEHIND}");
            return Ok(exit::USAGE);
        }
        let undone = undo::undo(&store, &journal)?;
        undone.say();
        if !undone.failed.is_empty() {
            bail!("no experiment was started");
        }
    }
    let (plan, schedule) = match planned(args) {
        Ok(planned) => planned,
        Err(wrong) => {
            say!("{wrong}");
            return Ok(exit::USAGE);
        }
    };
    if !ask::go_on(&plan, &schedule, &known_risks(&plan), args)? {
        return Ok(exit::USAGE);
    }
    let path = args.output.clone().unwrap_or_else(default_name);
    let own_settings = plan.kept().iter().map(|kept| kept.knob.name()).collect();
    let recording = RecordPlan {
        place: Destination::File { path: path.clone(), force: args.force },
        min_stall_ns: args.trace.min_stall.map_or(0, nanoseconds),
        run: 0,
        conditions: Vec::new(),
        own_settings,
    };
    let journal = Journal {
        boot_id: undo::boot_id(),
        pid: std::process::id(),
        begun: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        kept: plan.kept(),
    };
    let mut experiment = Experiment::new(plan, schedule, store, journal, &args.stop_if);
    let traced = live::run_beside(&Job::record(&args.trace, recording), Some(&mut experiment));
    let ended = experiment.finish();
    outcome::report(args, &path, traced?, &ended)
}

/// Plan and schedule from the arguments and the current settings. The error says why they are refused.
fn planned(args: &AbArgs) -> Result<(Plan, Schedule), String> {
    let seed = args.seed.unwrap_or_else(|| fastrand::u32(..).into());
    let schedule = Schedule::draw(args.blocks, args.block, args.settle, seed)?;
    let page_bytes = rustix::param::page_size() as u64;
    let read = |knob: &Knob| {
        let name = knob.shown();
        let shown = files::read(knob).map_err(|e| format!("{name} cannot be read: {e}"))?;
        let value = shown.value.ok_or_else(|| format!("{name} does not exist on this host"))?;
        Ok(Present { value, cgroup_inode: shown.cgroup_inode })
    };
    let plan = Plan::new(&args.set, &args.against, page_bytes, read)?;
    let refused: Vec<_> = known_risks(&plan).into_iter().filter(|risk| risk.refused).map(|risk| risk.text).collect();
    if !refused.is_empty() && !args.allow_risky {
        return Err(format!("{}. --allow-risky tries it nevertheless", refused.join("; ")));
    }
    Ok((plan, schedule))
}

fn known_risks(plan: &Plan) -> Vec<plan::Risk> {
    let system = rustix::system::sysinfo();
    let memory_bytes = u64::from(system.mem_unit).checked_mul(system.totalram);
    let usage_bytes = plan.items.iter().map(|item| files::usage_bytes(&item.knob)).collect();
    risks(plan, &Host { memory_bytes, usage_bytes })
}

fn dry_run(args: &AbArgs) -> Result<u8> {
    if is_left_behind() {
        say!("{LEFT_BEHIND}");
    }
    match planned(args) {
        Ok((plan, schedule)) => {
            stdout::print(describe::plan(&plan, &schedule, &known_risks(&plan)).as_bytes()).map(|_| 0)
        }
        Err(wrong) => {
            say!("{wrong}");
            Ok(exit::USAGE)
        }
    }
}
