//! Triggers of the flight recorder: an OOM kill, a condition that is met, a signal.

use memtrace_core::session::tick::Tick;
use memtrace_report::condition::{Condition, Watch};

/// The trigger of an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Time of detection, `CLOCK_MONOTONIC` in ns.
    pub t_ns: u64,
    /// Name for file names: `oom`, `stall.max`, `signal`.
    pub name: &'static str,
    /// Text for messages.
    pub text: String,
}

/// Watches for triggers, tick by tick.
#[derive(Debug)]
pub struct Triggers {
    watches: Vec<Watch>,
}

impl Triggers {
    /// Watches for OOM kills and these conditions.
    pub fn new(conditions: &[Condition]) -> Self {
        Self { watches: conditions.iter().cloned().map(Watch::new).collect() }
    }

    /// Takes an interval, and true if a signal came in it; returns the most important trigger.
    pub fn advance(&mut self, tick: &Tick, signalled: bool) -> Option<Trigger> {
        let t_ns = tick.t_ns;
        // Every watch must see each interval, whichever of them triggers.
        let mut met = Vec::new();
        for watch in &mut self.watches {
            if watch.advance(tick).is_some() {
                met.push((watch.condition().metric.name(), watch.condition().to_string()));
            }
        }
        let (name, text) = if tick.oom_kills > 0 {
            let plural = if tick.oom_kills == 1 { "" } else { "s" };
            ("oom", format!("{} OOM kill{plural}", tick.oom_kills))
        } else if let Some(met) = met.into_iter().next() {
            met
        } else if signalled {
            ("signal", "SIGUSR1".to_owned())
        } else {
            return None;
        };
        Some(Trigger { t_ns, name, text })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use memtrace_common::{kind::StallKind, totals::Loss};

    use super::Triggers;
    use memtrace_core::session::{
        Session, SessionConfig,
        input::{KernelTotals, KindTotals, TickInput},
    };

    const S: u64 = 1_000_000_000;

    fn at(second: u64, stalls: u64, ooms: u64) -> TickInput {
        let direct = KindTotals { count: stalls, ..KindTotals::default() };
        TickInput {
            t_ns: second * S,
            totals: KernelTotals {
                stalls: [(StallKind::Direct, direct)].into(),
                loss: [(Loss::RingOom.name(), ooms)].into(),
                ..KernelTotals::default()
            },
            ..TickInput::default()
        }
    }

    #[test]
    fn the_most_important_trigger_names_the_incident_and_each_does_once() {
        let mut triggers = Triggers::new(&["stall.rate > 10".parse().unwrap(), "stall.rate > 50".parse().unwrap()]);
        let mut session = Session::new(SessionConfig::default());
        let mut names = Vec::new();
        let inputs = [at(1, 5, 0), at(2, 30, 0), at(3, 200, 0), at(4, 400, 2), at(5, 400, 2), at(6, 400, 2)];
        for (input, signalled) in inputs.into_iter().zip([false, false, false, true, true, false]) {
            let tick = session.tick(&input, &BTreeMap::<u64, Vec<u8>>::new());
            names.push(triggers.advance(&tick, signalled).map(|trigger| trigger.text));
        }
        let want = [None, Some("stall.rate > 10"), Some("stall.rate > 50"), Some("2 OOM kills"), Some("SIGUSR1"), None];
        assert_eq!(names, want.map(|text| text.map(str::to_owned)));
    }
}
