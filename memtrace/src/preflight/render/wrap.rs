//! Wrapping of text into lines.

/// Appends `first` and then the words of `text`, broken before column `width`; further lines start at column `indent`,
/// which is also where `first` ends on the screen.
pub(super) fn wrap(out: &mut String, first: &str, indent: usize, text: &str, width: usize) {
    out.push_str(first);
    let mut column = indent;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > indent {
            if column + 1 + length > width {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                column = indent;
            } else {
                out.push(' ');
                column += 1;
            }
        }
        out.push_str(word);
        column += length;
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    #[test]
    fn lines_end_before_the_width() {
        let mut out = String::new();
        super::wrap(&mut out, "a: ", 3, "bb cc dd averylongword e", 9);
        assert_eq!(out, "a: bb cc\n   dd\n   averylongword\n   e\n");
    }
}
