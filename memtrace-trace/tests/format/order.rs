//! Blocks that come twice, and ticks that go back: the first one counts, and the rest is damage.

use super::{
    feed::feed,
    reading::{Frame, Got, frames, joined, read_all},
    round_trip::encode,
    sample::{Given, sample, sample_after},
};
use memtrace_core::event::Event;
use memtrace_trace::{BlockKind, Encoder, TWICE, model::Entry, wire};
use prost::Message as _;

fn trace() -> Vec<Frame> {
    frames(&encode(&sample(6, 5, 30), &mut Encoder::new(0)).bytes())
}

fn ticks(frames: &[Frame]) -> Vec<usize> {
    (0..frames.len()).filter(|&n| frames[n].is(BlockKind::Tick)).collect()
}

fn whats(got: &Got) -> Vec<&str> {
    got.damage.iter().map(|damage| damage.what.as_str()).collect()
}

#[test]
fn a_block_that_comes_twice_counts_once() {
    let whole = read_all(&joined(&trace())).unwrap();
    for at in 0..trace().len() {
        let mut frames = trace();
        let twice = frames[at].clone();
        let (is_path, is_at_the_end) = (twice.is(BlockKind::Dict), at + 1 == frames.len());
        // Right after it, and much later.
        for to in [at + 1, frames.len()] {
            frames.insert(to, twice.clone());
            let got = read_all(&joined(&frames)).unwrap();
            assert_eq!(got.said, whole.said, "block {at} again at {to}");
            let want = if is_path { vec![] } else { vec![TWICE] };
            assert_eq!(whats(&got), want, "block {at} again at {to}");
            frames.remove(to);
            if is_at_the_end {
                break;
            }
        }
    }
}

#[test]
fn a_file_that_holds_a_trace_twice_is_read_once() {
    let bytes = joined(&trace());
    let whole = read_all(&bytes).unwrap();
    let got = read_all(&[bytes.as_slice(), &bytes].concat()).unwrap();
    assert_eq!(got.said, whole.said);
    let counted = trace().iter().filter(|frame| !frame.is(BlockKind::Dict)).count();
    assert_eq!(whats(&got), vec![TWICE; counted]);
}

/// Two segments of which the second begins at the last tick of the first and ends there as well, with an equal END.
fn of_equal_ends() -> [Vec<Frame>; 2] {
    let mut first = sample(1, 3, 20);
    let mut second = sample_after(first.last_tick(), 2, 3, 20);
    (second.meta.recording, second.meta.run, second.meta.segment) = (first.meta.recording, first.meta.run, 1);
    second.meta.base = first.last_tick().cloned();
    second.given.clear();
    let t_ns = first.last_tick().map(|tick| tick.input.t_ns).unwrap();
    if let Some(Given::End(end)) = first.given.last_mut() {
        end.t_ns = t_ns;
    }
    second.given.extend(first.given.last().cloned());
    let mut encoder = Encoder::new(0);
    [first, second].map(|sample| frames(&encode(&sample, &mut encoder).bytes()))
}

#[test]
fn segments_may_end_with_equal_blocks() {
    let [first, second] = of_equal_ends();
    let end = |segment: &[Frame]| segment.last().map(Frame::bytes);
    assert_eq!(end(&first), end(&second), "or nothing is tested");
    let whole = [first.as_slice(), &second].concat();
    let got = read_all(&joined(&whole)).unwrap();
    assert_eq!((got.metas.len(), whats(&got)), (2, vec![]));
    // Copies count once, from whatever segment on.
    for more in [whole.as_slice(), &first, &second, &second[1..]] {
        let got = read_all(&joined(&[whole.as_slice(), more].concat())).unwrap();
        let copies = more.iter().filter(|frame| !frame.is(BlockKind::Dict)).count();
        assert_eq!((got.metas.len(), whats(&got)), (2, vec![TWICE; copies]));
    }
}

#[test]
fn ticks_that_go_back_are_damage() {
    let mut frames = trace();
    let places = ticks(&frames);
    // The last one comes first: it holds the totals of all, and each of the others goes back.
    for n in 0..places.len() / 2 {
        frames.swap(places[n], places[places.len() - 1 - n]);
    }
    let got = read_all(&joined(&frames)).unwrap();
    let whole = read_all(&joined(&trace())).unwrap();
    assert_eq!(got.ticks.len(), 1);
    assert_eq!(got.ticks[0].input.totals, whole.ticks[4].input.totals);
    // Events that now come after the tick that counts their stalls are left out as well.
    let (back, late): (Vec<_>, Vec<_>) = whats(&got).into_iter().partition(|what| what.contains("goes back in time"));
    assert_eq!(back.len(), 4, "{:?}", got.damage);
    assert!(late.iter().all(|what| what.contains("after the tick that counts")), "{:?}", got.damage);
}

#[test]
fn stalls_of_events_that_come_after_their_tick_are_counted_once() {
    let whole = read_all(&joined(&trace())).unwrap();
    let mut frames = trace();
    // All events after the last tick, whose rows have their stalls.
    frames.sort_by_key(|frame| frame.is(BlockKind::Events));
    let got = read_all(&joined(&frames)).unwrap();
    let stalls = |got: &Got| {
        let reported = got.entries.iter().filter(|entry| matches!(entry, Entry::Event(Event::Stall(_)))).count() as u64;
        reported
            + got
                .ticks
                .iter()
                .flat_map(|tick| &tick.unrecorded_processes)
                .map(|process| process.stalls.count)
                .sum::<u64>()
    };
    assert!(stalls(&whole) > 50 && stalls(&got) <= stalls(&whole), "{} of {}", stalls(&got), stalls(&whole));
    assert!(whats(&got).iter().all(|what| what.contains("after the tick that counts")), "{:?}", got.damage);
    assert!(!got.damage.is_empty());
    assert_eq!(got.ticks.len(), whole.ticks.len());
}

#[test]
fn totals_that_go_down_are_damage_until_they_are_reached_again() {
    for of in ["count", "total_ns", "reported"] {
        let mut frames = trace();
        let place = ticks(&frames)[2];
        let mut tick = wire::Tick::decode(frames[place].content.as_slice()).unwrap();
        let own = tick.own.as_mut().unwrap();
        match of {
            "count" => own.count = 0,
            "total_ns" => own.total_ns = 0,
            _ => tick.reported[0].count = 0,
        }
        frames[place].content = tick.encode_to_vec();
        let got = read_all(&joined(&frames)).unwrap();
        assert_eq!((got.ticks.len(), got.damage.len()), (4, 1), "{of}: {:?}", got.damage);
        assert!(whats(&got)[0].contains("totals of a tick are below"), "{of}: {:?}", got.damage);
        feed(&joined(&frames)).unwrap();
    }
}

#[test]
fn a_segment_begins_once_and_after_the_one_before() {
    let first = sample(1, 3, 20);
    let mut second = sample_after(first.last_tick(), 2, 3, 20);
    (second.meta.recording, second.meta.run, second.meta.segment) = (first.meta.recording, first.meta.run, 1);
    second.meta.base = first.last_tick().cloned();
    let mut encoder = Encoder::new(0);
    let first = frames(&encode(&first, &mut encoder).bytes());
    let second = frames(&encode(&second, &mut encoder).bytes());
    let both = read_all(&joined(&[first.as_slice(), &second].concat())).unwrap();
    assert_eq!((both.metas.len(), both.ticks.len(), both.damage.len()), (2, 6, 0), "{:?}", both.damage);
    let swapped = read_all(&joined(&[second.as_slice(), &first].concat())).unwrap();
    assert_eq!((swapped.metas.len(), swapped.ticks.len()), (1, 3));
    assert!(whats(&swapped)[0].contains("begins a second time"), "{:?}", swapped.damage);
    // The first tick of a segment must be later than the last one before it.
    let mut early = second;
    let place = ticks(&early)[0];
    let mut tick = wire::Tick::decode(early[place].content.as_slice()).unwrap();
    tick.t_ns = 1;
    early[place].content = tick.encode_to_vec();
    let got = read_all(&joined(&[first.as_slice(), &early].concat())).unwrap();
    assert_eq!((got.ticks.len(), got.damage.len()), (5, 1), "{:?}", got.damage);
}
