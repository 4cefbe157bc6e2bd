//! The header and the footer of the screen.

use super::pen::{BOLD, PLAIN, Pen, RED, REVERSED, YELLOW};
use crate::screen::{
    headline::Level,
    keys::{Action, BINDINGS},
    losses,
    model::{Mode, Model},
};
use memtrace_core::{
    session::{input::OwnCost, tick::Tick},
    untrusted::Untrusted,
};
use memtrace_report::text::{bytes, count, duration, percent};

/// Actions in the footer while a recording is played, the most used first.
const PLAYED: [(Action, &str); 9] = [
    (Action::Quit, "quit"),
    (Action::Help, "help"),
    (Action::Pause, "play"),
    (Action::Faster, "faster"),
    (Action::Earlier, "back"),
    (Action::GoTo, "time"),
    (Action::OomAfter, "next OOM"),
    (Action::Worst, "worst"),
    (Action::Filter, "filter"),
];

/// Draws host, loss, coverage and own cost, then the headline; the result is the number of lines.
pub(super) fn draw(model: &Model, pen: &mut Pen<'_>) -> u16 {
    let Some(frame) = model.shown() else {
        pen.text(0, 0, "memtrace: attached; the first interval is under way", BOLD);
        return 1;
    };
    let tick = &frame.tick;
    let up = duration(tick.t_ns.saturating_sub(model.about.start_ns) / 1_000_000_000 * 1_000_000_000);
    let host = model.about.host.tty().to_string();
    let state = match model.at_ns {
        Some(at) if model.playback.is_some() => played(model, at),
        Some(at) => {
            let behind = model.history().latest().map_or(0, |latest| latest.tick.t_ns.saturating_sub(at));
            format!("PAUSED at {} (-{})", model.clock.seconds(at), duration(behind))
        }
        None => format!("{} up {up}", model.clock.seconds(tick.t_ns)),
    };
    let lost = match model.losses.total() {
        0 => "lost 0".to_owned(),
        n => format!("{} {} (see 5)", losses::word(model.losses.matter()), count(n)),
    };
    // The most important comes first: a narrow terminal cuts off the end.
    let (covered, own) = (covered(tick), own(model, tick));
    let line = if pen.width() < 110 {
        format!("memtrace {host} {state} | {lost} | {covered} | {own}")
    } else {
        format!("memtrace {host} {} {state} | {lost} | {covered} | {own}", model.about.kernel.tty())
    };
    pen.text(0, 0, &line, BOLD);
    let headline = model.headline();
    let style = match headline.level {
        Level::Ok => PLAIN,
        Level::Notice | Level::Warning => YELLOW,
        Level::Critical => RED,
    };
    let text = format!("{}: {}", headline.level.name(), headline.text);
    let width = usize::from(pen.width());
    // A second line where there is room: the task that stalls most comes late in the sentence.
    let cut = text.char_indices().nth(width).filter(|_| pen.height() >= 20).and_then(|(at, _)| text[..at].rfind(' '));
    let Some(cut) = cut else {
        pen.text(0, 1, &text, style);
        return 2;
    };
    pen.text(0, 1, &text[..cut], style);
    pen.text(0, 2, &format!("  {}", text[cut..].trim_start()), style);
    3
}

/// Position in a recording, and the state of its playback.
fn played(model: &Model, at: u64) -> String {
    let since = |t_ns: u64| duration(t_ns.saturating_sub(model.about.start_ns) / 1_000_000_000 * 1_000_000_000);
    let all = model.history().latest().map_or_else(|| "-".to_owned(), |latest| since(latest.tick.t_ns));
    let how = match model.playback {
        Some(playback) if playback.playing && !model.is_at_end() => format!("PLAY x{}", playback.speed),
        _ if model.is_at_end() => "END".to_owned(),
        _ => "PAUSED".to_owned(),
    };
    format!("{how} {} ({} of {all})", model.clock.seconds(at), since(at))
}

/// Coverage: our counts against the kernel's.
fn covered(tick: &Tick) -> String {
    let bad = tick.coverage.bad().count();
    if tick.coverage.rows.is_empty() {
        return "coverage -".to_owned();
    }
    if bad > 0 {
        return format!("COVERAGE: {bad} GAPS (5)");
    }
    let ratio = tick.coverage.row("allocstall").and_then(|row| row.ratio);
    ratio.map_or_else(|| "coverage ok".to_owned(), |ratio| format!("coverage {}", percent(Some(ratio))))
}

/// Cost of memtrace itself: CPU since the previous interval, resident size, own stalls.
fn own(model: &Model, tick: &Tick) -> String {
    let OwnCost { cpu_ns, rss_bytes, .. } = tick.own;
    let before = model.history().until(tick.t_ns.saturating_sub(1)).next().and_then(|frame| frame.tick.own.cpu_ns);
    #[expect(clippy::cast_precision_loss, reason = "a share for a person")]
    let share = cpu_ns.zip(before).filter(|_| tick.elapsed_ns > 0).map(|(now, before)| {
        let share = now.saturating_sub(before) as f64 / tick.elapsed_ns as f64 * 100.0;
        format!("{share:.1}%")
    });
    let cpu = share.unwrap_or_else(|| "-".to_owned());
    let rss = rss_bytes.map_or_else(|| "-".to_owned(), bytes);
    let stalls = if tick.own_stalls == 0 { String::new() } else { format!(" {} own stalls", tick.own_stalls) };
    format!("self {cpu} {rss}{stalls}")
}

/// Draws the keys, or the text that is being typed.
pub(super) fn footer(model: &Model, pen: &mut Pen<'_>, y: u16) {
    match &model.mode {
        Mode::Typing(text, wrong) => {
            let wrong = wrong.as_ref().map_or_else(|| "enter keeps it, esc clears it".to_owned(), Clone::clone);
            let text = Untrusted(text.as_bytes()).tty().to_string();
            pen.text(0, y, &format!("/{text}_   {wrong}"), PLAIN);
        }
        Mode::GoingTo(text, wrong) => {
            let help = || "13:05:10, 90s from the start, -30s from the end".to_owned();
            let text = Untrusted(text.as_bytes()).tty().to_string();
            pen.text(0, y, &format!("go to: {text}_   {}", wrong.clone().unwrap_or_else(help)), PLAIN);
        }
        Mode::Help => pen.text(0, y, "any page key or esc closes the help", PLAIN),
        Mode::Details => pen.text(0, y, "esc back  t/T in time  n now  q quit", PLAIN),
        Mode::Page => {
            let live =
                || BINDINGS.iter().map(|binding| (binding, binding.short)).filter(|(_, short)| !short.is_empty());
            let played = || {
                PLAYED.iter().filter_map(|(action, short)| {
                    Some((BINDINGS.iter().find(|binding| binding.action == *action)?, *short))
                })
            };
            let keys: Vec<_> = if model.playback.is_some() { played().collect() } else { live().collect() };
            let words = keys.into_iter().map(|(binding, short)| {
                let key = binding.shown.split(' ').next().unwrap_or_default();
                if short.starts_with(key) { short.to_owned() } else { format!("{key} {short}") }
            });
            let mut line = words.collect::<Vec<_>>().join("  ");
            if let Some((words, _)) = &model.said {
                line = format!("{words}   {line}");
            }
            if !model.filter_text.is_empty() {
                line = format!("filter: {} (esc clears)  {line}", Untrusted(model.filter_text.as_bytes()).tty());
            }
            pen.text(0, y, &line, PLAIN);
        }
    }
    pen.highlight(y, REVERSED);
}
