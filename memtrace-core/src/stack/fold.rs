//! Folded lines, the input of flame graphs: `comm;outermost;...;innermost N`. Frames of the kernel end in `_[k]`.

use std::collections::BTreeMap;

use super::Stack;
use crate::untrusted::Untrusted;

/// Stacks folded into lines, each once.
#[derive(Debug, Default)]
pub struct Folded(BTreeMap<String, u64>);

impl Folded {
    /// Adds `n` to a stack of processes with this name; `None` is a stack without names.
    pub fn add(&mut self, comm: &[u8], stack: Option<&Stack>, n: u64) {
        let mut line = word(comm);
        match stack {
            Some(stack) => {
                for frame in stack.frames.iter().rev() {
                    line.push(';');
                    line.push_str(&word(&frame.name()));
                    if frame.kernel {
                        line.push_str("_[k]");
                    }
                }
            }
            None => line.push_str(";[stack not named]"),
        }
        let sum = self.0.entry(line).or_default();
        *sum = sum.saturating_add(n);
    }

    /// The lines, in the order of their text. Lines with a count of 0 are left out.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().filter(|(_, n)| **n > 0).map(|(stack, n)| format!("{stack} {n}"))
    }
}

/// A name, with `;`, which would end the frame, replaced.
fn word(name: &[u8]) -> String {
    Untrusted(name).tty().to_string().replace(';', ":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::Frame;

    #[test]
    fn the_outermost_comes_first_and_names_forge_nothing() {
        let frame = |kernel, name: &[u8]| Frame { kernel, function: name.to_vec(), ..Frame::default() };
        let stack =
            Stack { frames: vec![frame(true, b"try_to_free_pages"), frame(false, b"f;g\n"), frame(false, b"main")] };
        let mut folded = Folded::default();
        folded.add(b"a;b", Some(&stack), 2);
        folded.add(b"a;b", Some(&stack), 3);
        folded.add(b"c", None, 1);
        folded.add(b"d", None, 0);
        let lines: Vec<_> = folded.lines().collect();
        assert_eq!(lines, ["a:b;main;f:g\\x0a;try_to_free_pages_[k] 5", "c;[stack not named] 1"]);
    }
}
