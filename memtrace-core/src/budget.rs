//! A budget of CPU time for the most expensive hook: decides when the hook runs and when it pauses.
//!
//! A store of CPU time fills at the rate that the budget allows, up to a second's worth. The cost of the hook is drawn
//! from it. While the store lasts the hook runs all the time: below the budget nothing is sampled. When the store is
//! empty the hook pauses until there is enough for another window.

use std::time::Duration;

/// CPU time of one run of `memcg:mod_memcg_lruvec_state` with our program, in ns. Measured on 6.18 as the additional
/// CPU time of a storm of 780,000 events; the program itself takes 45 ns, the rest is the dispatch of the event.
pub const REFAULT_EVENT_NS: u64 = 200;
/// CPU time of the begin and the end of a stall with all that is measured in it, in ns; measured in the same way.
pub const STALL_NS: u64 = 3_500;

/// Time to attach and to detach the hook, each of which patches the kernel's code, in ns (0.25 ms measured on 6.18).
const SWITCH_NS: u64 = 300_000;
/// Shortest window.
const WINDOW_NS: u64 = 10_000_000;
/// Bounds of the longest pause, in ns: each interval and each second has a window, whatever its cost.
const LONGEST_PAUSE_NS: (u64, u64) = (75_000_000, 1_000_000_000);
/// Time for which the store lasts when the hook costs twice the allowed share, in ns.
const STORE_NS: f64 = 1e9;
/// The hook gets at least this share of the budget, whatever the others cost.
const LEAST: f64 = 0.25;

/// A share of the CPU time, or no limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Budget {
    /// At most this share of the CPU time that the host spends, or of one CPU where the host spends less than that.
    Share(f64),
    /// No limit.
    Unlimited,
}

impl Budget {
    /// Reads a budget such as `2%` or `none`.
    ///
    /// # Errors
    /// The given text and the expected form.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::Unlimited);
        }
        let percent = text.strip_suffix('%').and_then(|number| number.trim_end().parse::<f64>().ok());
        let percent = percent.filter(|percent| (0.01..=100.0).contains(percent));
        let share = percent.map(|percent| Self::Share(percent / 100.0));
        share.ok_or_else(|| format!("`{text}` is not a budget: a share from 0.01% to 100% is expected, or `none`"))
    }
}

/// The readings that a decision is made from.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// `CLOCK_MONOTONIC` in ns.
    pub now_ns: u64,
    /// Runs of the hook since it was first attached.
    pub runs: u64,
    /// CPU time of everything else that the budget pays for, since the start, in ns.
    pub other_ns: u64,
    /// Number of busy CPUs.
    pub busy_cpus: f64,
    /// Length of an interval of the outputs, in ns.
    pub interval_ns: u64,
}

impl Load {
    /// Longest pause, in ns: shorter than an interval, since an interval without a window has no data on processes.
    fn longest_pause_ns(&self) -> u64 {
        let (least, most) = LONGEST_PAUSE_NS;
        (self.interval_ns / 4 * 3).clamp(least, most)
    }
}

/// A change of the hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Attach it.
    Run,
    /// Detach it.
    Pause,
}

/// Decides when the hook runs.
#[derive(Clone, Debug)]
pub struct Governor {
    share: f64,
    store_ns: f64,
    /// Capacity of the store in ns, as of the last reading.
    full_ns: f64,
    last: Load,
    /// Cost of the hook for each ns that it runs, as of the last reading in which it ran.
    rate: f64,
    runs: bool,
    /// Time at which the hook was attached or detached last, `CLOCK_MONOTONIC` in ns.
    since_ns: u64,
}

impl Governor {
    /// A governor of a hook that is attached now, with this share of the CPU time as its budget.
    #[must_use]
    pub fn new(share: f64, now_ns: u64) -> Self {
        let full_ns = share * STORE_NS;
        let last = Load { now_ns, runs: 0, other_ns: 0, busy_cpus: 1.0, interval_ns: 0 };
        Self { share, store_ns: full_ns, full_ns, last, rate: 0.0, runs: true, since_ns: now_ns }
    }

    /// The change that is due now. The governor takes [`Step::Run`] and [`Step::Pause`] as done once returned.
    pub fn advance(&mut self, load: Load) -> Option<Step> {
        let elapsed_ns = load.now_ns.saturating_sub(self.last.now_ns) as f64;
        if elapsed_ns <= 0.0 {
            return None;
        }
        let allowed = self.share * load.busy_cpus.max(1.0);
        let cost_ns = (load.runs.saturating_sub(self.last.runs) * REFAULT_EVENT_NS) as f64;
        let other_ns = load.other_ns.saturating_sub(self.last.other_ns) as f64;
        let earned_ns = (allowed * elapsed_ns - other_ns).max(LEAST * allowed * elapsed_ns);
        self.full_ns = allowed * STORE_NS;
        // Debt is paid off within the longest pause.
        self.store_ns = (self.store_ns + earned_ns - cost_ns).clamp(-self.full_ns, self.full_ns);
        self.last = load;
        if self.runs {
            self.rate = cost_ns / elapsed_ns;
        }
        let step = match self.runs {
            true => (self.store_ns < 0.0 && self.lasted(WINDOW_NS)).then_some(Step::Pause),
            false => (self.store_ns >= self.window_ns() || self.lasted(load.longest_pause_ns())).then_some(Step::Run),
        }?;
        self.runs = step == Step::Run;
        self.store_ns -= if self.runs { SWITCH_NS as f64 } else { 0.0 };
        self.since_ns = load.now_ns;
        Some(step)
    }

    /// Time until the next decision; `None` while the hook runs and the store is more than half full.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        let ns = match self.runs {
            true if self.store_ns > self.full_ns / 2.0 => return None,
            true => WINDOW_NS,
            false => {
                let earning = self.full_ns / STORE_NS;
                let wait_ns = ((self.window_ns() - self.store_ns) / earning.max(f64::MIN_POSITIVE)).max(0.0);
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between two bounds")]
                let wait_ns = wait_ns.min(self.last.longest_pause_ns() as f64) as u64;
                wait_ns.max(WINDOW_NS / 2)
            }
        };
        Some(Duration::from_nanos(ns))
    }

    /// Runs of the hook per second of attached time, as of the last reading in which it ran.
    #[must_use]
    pub fn runs_per_s(&self) -> f64 {
        self.rate * 1e9 / REFAULT_EVENT_NS as f64
    }

    /// Time since the last change, in ns.
    #[must_use]
    pub fn unchanged_ns(&self) -> u64 {
        self.last.now_ns.saturating_sub(self.since_ns)
    }

    fn lasted(&self, ns: u64) -> bool {
        self.unchanged_ns() >= ns
    }

    /// Cost of the shortest window at the last rate, in ns.
    fn window_ns(&self) -> f64 {
        (self.rate * WINDOW_NS as f64 + SWITCH_NS as f64).min(self.full_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Simulates a host on which the event fires `per_s` times a second while the hook is attached, with a reading
    /// every 5 ms. Returns the share of the time in which the hook ran, its cost as a share of one CPU, and the number
    /// of windows.
    fn run(governor: &mut Governor, from_ns: u64, seconds: u64, per_s: u64) -> (f64, f64, u64) {
        let (mut runs, mut counted, mut windows) = (governor.last.runs, 0_u64, 0);
        let begun = runs;
        let steps = seconds * 200;
        for step in 1..=steps {
            if governor.runs {
                runs += per_s / 200;
                counted += 1;
            }
            let now_ns = from_ns + step * 5 * MS;
            if governor.advance(Load { now_ns, runs, other_ns: 0, busy_cpus: 1.0, interval_ns: 1_000 * MS })
                == Some(Step::Run)
            {
                windows += 1;
            }
        }
        let cost = ((runs - begun) * REFAULT_EVENT_NS) as f64 / (seconds * 1000 * MS) as f64;
        (counted as f64 / steps as f64, cost, windows)
    }

    #[test]
    fn below_the_budget_it_runs_all_the_time() {
        // 90,000 events a second are 1.8 % of a CPU.
        let (counted, _, windows) = run(&mut Governor::new(0.02, 0), 0, 30, 90_000);
        assert_eq!((counted, windows), (1.0, 0));
    }

    #[test]
    fn a_storm_costs_no_more_than_the_budget_and_the_time_before_it() {
        for per_s in [120_000, 390_000, 2_000_000] {
            let mut governor = Governor::new(0.02, 0);
            let (_, first, _) = run(&mut governor, 0, 2, per_s);
            assert!(first < 0.033, "{per_s}/s: {first}");
            let (counted, cost, windows) = run(&mut governor, 2_000 * MS, 30, per_s);
            assert!((0.01..0.0205).contains(&cost), "{per_s}/s: {cost}");
            assert!(counted < 0.9 && windows >= 30, "{per_s}/s: {counted} in {windows}");
        }
    }

    #[test]
    fn a_flood_beyond_all_measure_has_a_window_in_each_interval() {
        let mut governor = Governor::new(0.02, 0);
        let (_, _, windows) = run(&mut governor, 0, 30, 400_000_000);
        assert!((36..=40).contains(&windows), "{windows}");
    }

    #[test]
    fn it_runs_all_the_time_again_when_the_storm_is_over() {
        let mut governor = Governor::new(0.02, 0);
        run(&mut governor, 0, 10, 500_000);
        let (_, _, windows) = run(&mut governor, 10_000 * MS, 2, 1_000);
        assert!(windows <= 1, "{windows}");
        let (counted, _, windows) = run(&mut governor, 12_000 * MS, 10, 1_000);
        assert_eq!((counted, windows), (1.0, 0));
        assert!(governor.patience().is_none());
    }

    #[test]
    fn stalls_are_paid_for_first_and_leave_a_quarter() {
        let mut governor = Governor::new(0.02, 0);
        let mut runs = 0;
        for step in 1..=2_000 {
            runs += if governor.runs { 2_000_u64 } else { 0 };
            let now_ns = step * 5 * MS;
            governor.advance(Load { now_ns, runs, other_ns: now_ns / 40, busy_cpus: 1.0, interval_ns: 1_000 * MS });
        }
        let cost = (runs * REFAULT_EVENT_NS) as f64 / (10_000 * MS) as f64;
        assert!((0.004..0.008).contains(&cost), "{cost}");
    }

    #[test]
    fn budgets_are_shares_or_none() {
        assert_eq!(Budget::parse("none"), Ok(Budget::Unlimited));
        assert_eq!(Budget::parse("2%"), Ok(Budget::Share(0.02)));
        assert_eq!(Budget::parse("0.5 %"), Ok(Budget::Share(0.005)));
        for text in ["", "2", "%", "-1%", "0%", "101%", "nan%", "none%"] {
            assert!(Budget::parse(text).unwrap_err().contains("is not a budget"), "{text}");
        }
    }
}
