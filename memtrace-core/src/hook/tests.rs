use memtrace_common::{count::Count, kind::StallKind};

use super::{
    HookId,
    catalog::{HOOKS, counts},
    functions::FUNCTIONS,
    set::HookSet,
};

#[test]
fn each_hook_is_declared_once() {
    let declared = HOOKS.iter().map(|hook| hook.id).chain(FUNCTIONS.iter().map(|hook| hook.id));
    let mut declared: Vec<_> = declared.chain([HookId::Zones]).map(|id| id as u8).collect();
    declared.sort_unstable();
    assert_eq!(declared, HookId::ALL.iter().map(|&id| id as u8).collect::<Vec<_>>());
}

#[test]
fn names_are_unique_and_ends_come_before_begins() {
    for (at, hook) in HOOKS.iter().enumerate() {
        let before = &HOOKS[..at];
        assert!(hook.end.is_none_or(|end| before.iter().any(|h| h.id == end)), "{} comes before its end", hook.name);
        assert!(before.iter().all(|h| h.event != hook.event && h.program != hook.program), "{} is taken", hook.name);
    }
}

#[test]
fn each_kind_and_each_count_comes_from_one_hook() {
    let kinds = HOOKS.iter().filter_map(|hook| hook.kind).chain(FUNCTIONS.iter().filter_map(|hook| hook.kind));
    let mut kinds: Vec<StallKind> = kinds.collect();
    kinds.sort_unstable();
    assert_eq!(kinds, StallKind::ALL);
    let mut numbers: Vec<u8> = counts(HookSet::ALL).map(|count| count as u8).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, Count::ALL.map(|count| count as u8));
}

#[test]
fn a_count_needs_its_hook() {
    assert_eq!(counts(HookSet::ALL.without(HookId::OomCall)).find(|count| *count == Count::OomCalls), None);
    assert_eq!(counts(HookSet::default().with(HookId::OomCall)).collect::<Vec<_>>(), [Count::OomCalls]);
}
