use super::{Column, Document, Shape, Table, TextForm, Tone, Words, markdown, text};
use crate::style::Style;
use memtrace_core::untrusted::Untrusted;

fn document() -> Document {
    let mut document = Document::labelled(11);
    document.conclusion("stalls are *worse*", Tone::Bad);
    document.gap();
    document.fact("host", "two nodes");
    document.fact("", Untrusted(b"\x1b[2J|x\n"));
    let mut table = Table::new([
        Column::new("who", Shape::Left(8)).after(""),
        Column::new("stalls", Shape::Right(6)),
        Column::new("why", Shape::Free).after("  "),
    ]);
    table.row(["java".into(), "12".into(), "a | b".into()]);
    table.row(["a long name".into(), "3".into(), Words::default()]);
    document.heading("processes");
    document.table(table);
    document.table(Table::new([Column::new("no rows", Shape::Free)]));
    document.sentence("that is all");
    document
}

#[test]
fn one_document_has_two_forms() {
    let want = "stalls are *worse*\n\nhost       two nodes\n           \\x1b[2J|x\\x0a\n\nprocesses\n\
                who      stalls  why\njava         12  a | b\na long …      3\nthat is all\n";
    assert_eq!(text(&document(), TextForm::default()), want);
    let want = "**stalls are \\*worse\\***\n\n- host: two nodes\n- \\\\x1b\\[2J\\|x\\\\x0a\n\n### processes\n\n\
                | who | stalls | why |\n|---|---:|---|\n| java | 12 | a \\| b |\n| a long name | 3 |  |\n\nthat is all\n";
    assert_eq!(markdown(&document()), want);
}

#[test]
fn details_are_items_below_their_line_or_by_themselves() {
    let mut document = Document::default();
    document.sentence("all");
    document.detail("first");
    document.detail("second");
    document.line("line");
    document.detail("of it");
    assert_eq!(markdown(&document), "all\n\n- first\n- second\n- line\n  - of it\n");
    assert_eq!(text(&document, TextForm::default()), "all\n  first\n  second\nline\n  of it\n");
}

#[test]
fn colours_are_for_the_conclusion() {
    let coloured = text(&document(), TextForm { style: Style { colour: true }, ..TextForm::default() });
    assert!(coloured.starts_with("\x1b[1;31mstalls are *worse*\x1b[0m\n"), "{coloured}");
    assert_eq!(coloured.matches('\x1b').count(), 2);
}

#[test]
fn no_words_hold_a_control_character() {
    for (from, want) in
        [("a\x1b]0;x\x07", "a\\x1b]0;x\\x07"), ("C:\\x1b", "C:\\x1b"), ("\u{202e}", "\\u{202e}"), ("a\nb", "a\\x0ab")]
    {
        assert_eq!(Words::from(from).plain(), want);
        assert_eq!(Words::from(Words::from(from).plain()).plain(), want, "once is enough");
    }
}
