//! Sides of a comparison that are one recording, and inputs whose sides are not known.

use std::fs;

use memtrace_core::session::filter::Filter;

use crate::{
    cli::{memtrace, text, write},
    fixture::{Blocks, record},
};

#[test]
fn a_recording_is_not_compared_with_itself() {
    let dir = tempfile::tempdir().unwrap();
    let recorded = record(3, 12, &[4, 8], &Filter::default(), 0);
    let whole: Vec<u8> = recorded.segments.iter().flat_map(Blocks::bytes).collect();
    fs::create_dir(dir.path().join("d")).unwrap();
    for name in ["a.mtrc", "copy.mtrc", "d/x.mtrc"] {
        fs::write(dir.path().join(name), &whole).unwrap();
    }
    write(dir.path(), "first.mtrc", &recorded.segments[0]);
    write(dir.path(), "last.mtrc", &recorded.segments[2]);
    write(dir.path(), "other.mtrc", &record(4, 12, &[], &Filter::default(), 0).segments[0]);
    let run = |args: &[&str]| memtrace(dir.path(), &[&["compare", "--utc"], args].concat(), None);
    for (args, words) in [
        (&["a.mtrc", "a.mtrc"][..], "before and after are the same recording (a.mtrc: 12.0 s of host "),
        (&["a.mtrc", "copy.mtrc"], "(a.mtrc and copy.mtrc: 12.0 s of host "),
        (&["a.mtrc", "d"], "(a.mtrc and d/x.mtrc: 12.0 s"),
        (
            &["x=a.mtrc", "y=last.mtrc"],
            "x and y share a part of one recording (a.mtrc and last.mtrc: 4.00 s of host , 22:13:28 to 22:13:32)",
        ),
        (&["a.mtrc", "copy.mtrc", "--since", "5s"], "7.00 s of host "),
        (&["x=first.mtrc", "x=last.mtrc", "y=a.mtrc"], "(first.mtrc + 1 file and a.mtrc: 8.00 s of host "),
        (&["x=first.mtrc", "x=last.mtrc", "y=a.mtrc"], "memtrace compare --split T first.mtrc\n"),
        (&["x=other.mtrc", "y=a.mtrc", "y=first.mtrc", "z=first.mtrc"], "y and z share a part of one recording"),
    ] {
        let out = run(args);
        let stderr = text(&out.stderr);
        assert_eq!((out.status.code(), text(&out.stdout)), (Some(2), ""), "{args:?}: {stderr}");
        assert!(stderr.contains(words) && stderr.contains("memtrace compare --split T "), "{args:?}: {stderr}");
    }
    // Different times of one recording are a comparison, and so is a copy on the same side.
    assert_eq!(run(&["first.mtrc", "last.mtrc"]).status.code(), Some(0));
    let out = run(&["--json", "x=a.mtrc", "x=copy.mtrc", "y=other.mtrc"]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    assert!(text(&out.stdout).contains("\"runs\":[1,1]"), "{}", text(&out.stdout));
}

#[test]
fn of_three_files_the_sides_must_be_named() {
    let dir = tempfile::tempdir().unwrap();
    for (name, seed) in [("a.mtrc", 1), ("b.mtrc", 2), ("c.mtrc", 3)] {
        write(dir.path(), name, &record(seed, 12, &[], &Filter::default(), 0).segments[0]);
    }
    for (args, command) in [
        (["a.mtrc", "b.mtrc", "c.mtrc"], "memtrace compare before=a.mtrc after=b.mtrc after=c.mtrc"),
        (["old=a.mtrc", "b.mtrc", "c.mtrc"], "memtrace compare old=a.mtrc after=b.mtrc after=c.mtrc"),
    ] {
        let out = memtrace(dir.path(), &[&["compare"], args.as_slice()].concat(), None);
        let stderr = text(&out.stderr);
        assert_eq!((out.status.code(), text(&out.stdout)), (Some(2), ""), "{stderr}");
        assert!(stderr.contains("NAME=FILE") && stderr.contains(command), "{stderr}");
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        assert_eq!(memtrace(dir.path(), &words, None).status.code(), Some(0), "the command that is shown works");
    }
}
