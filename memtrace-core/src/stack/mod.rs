//! Stacks of stalls with the names of their addresses, pure: the types, the removal of the innermost frames that belong
//! to the tracing, folded lines.

pub mod fold;
mod trim;

/// The addresses of a stack that was not seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawStack {
    /// Number of the stack.
    pub number: u32,
    /// Process that the user part belongs to.
    pub pid: u32,
    /// Addresses in the kernel, innermost first.
    pub kernel: Vec<u64>,
    /// Addresses in the process, innermost first.
    pub user: Vec<u64>,
}

/// A stack, innermost frame first: frames of the kernel, then those of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stack {
    /// The frames.
    pub frames: Vec<Frame>,
}

/// A frame: one call on a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Frame {
    /// True for a frame of the kernel.
    pub kernel: bool,
    /// Name of the function; empty when not known.
    pub function: Vec<u8>,
    /// Offset into the function, in bytes; for a caller the address is inside the call.
    pub offset: u64,
    /// Path of the file that holds the code, as the process sees it; name of the module in the kernel; empty when not
    /// known.
    pub module: Vec<u8>,
    /// Build id of `module`; empty when not known.
    pub build_id: Vec<u8>,
    /// Offset in that file, in bytes from its beginning; the address itself where there is no file.
    pub address: u64,
}

impl Frame {
    /// Name of the frame: its function, else its place in the file, else its address.
    #[must_use]
    pub fn name(&self) -> Vec<u8> {
        if !self.function.is_empty() {
            return self.function.clone();
        }
        let file = self.module.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        match file {
            [] if self.kernel => b"[unknown kernel code]".to_vec(),
            [] => b"[unknown]".to_vec(),
            file => [file, format!("+{:#x}", self.address).as_bytes()].concat(),
        }
    }
}

/// The names of a stack's frames.
pub type FrameNames = Vec<Vec<u8>>;

impl Stack {
    /// Names of its frames: equal for two stacks that differ only in the offsets within functions.
    #[must_use]
    pub fn names(&self) -> FrameNames {
        self.frames.iter().map(Frame::name).collect()
    }

    /// A stack without the frames of the tracing itself, which are its innermost ones.
    #[must_use]
    pub fn of(mut kernel: Vec<Frame>, user: Vec<Frame>) -> Self {
        kernel.drain(..trim::of_tracing(&kernel));
        kernel.extend(user);
        Self { frames: kernel }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_goes_by_the_best_name_that_there_is() {
        let frame = Frame { function: b"main".to_vec(), module: b"/bin/a".to_vec(), address: 16, ..Frame::default() };
        assert_eq!(frame.name(), b"main");
        let frame = Frame { function: Vec::new(), ..frame };
        assert_eq!(frame.name(), b"a+0x10");
        let frame = Frame { module: Vec::new(), ..frame };
        assert_eq!(frame.name(), b"[unknown]");
        assert_eq!(Frame { kernel: true, ..frame }.name(), b"[unknown kernel code]");
    }
}
