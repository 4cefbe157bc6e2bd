//! The innermost frames of a kernel stack, which belong to the tracing itself.

use super::Frame;

/// Beginnings of the names of functions that run a BPF program at a tracepoint, at a function or at its return.
const TRACING: [&str; 17] = [
    "bpf_",
    "__bpf_",
    "___bpf",
    "__traceiter_",
    "trace_call_bpf",
    "trace_event_",
    "perf_trace_",
    "perf_call_bpf",
    "kprobe_",
    "kretprobe_",
    "__kretprobe",
    "opt_kprobe",
    "arch_rethook",
    "rethook_",
    "ftrace_",
    "fprobe_",
    "aggr_",
];

/// Number of innermost frames that belong to the tracing; generated code has no name. 0 when no frame would be left.
pub(super) fn of_tracing(kernel: &[Frame]) -> usize {
    let is_tracing = |frame: &Frame| {
        let name = frame.function.as_slice();
        name.is_empty() || TRACING.iter().any(|start| name.starts_with(start.as_bytes()))
    };
    let first = kernel.iter().position(|frame| !is_tracing(frame)).unwrap_or(0);
    // At a classic tracepoint the function that contains it is listed twice, as its own caller.
    let twice = kernel.get(first + 1).is_some_and(|next| next.function == kernel[first].function);
    if twice && !kernel[first].function.is_empty() { first + 1 } else { first }
}

#[cfg(test)]
mod tests {
    use super::super::{Frame, Stack};

    fn frames(names: &[&str]) -> Vec<Frame> {
        names
            .iter()
            .map(|name| Frame { kernel: true, function: name.as_bytes().to_vec(), ..Frame::default() })
            .collect()
    }

    fn trimmed(names: &[&str]) -> Vec<String> {
        let stack = Stack::of(frames(names), Vec::new());
        stack.frames.iter().map(|frame| String::from_utf8_lossy(&frame.function).into_owned()).collect()
    }

    #[test]
    fn the_tracing_is_no_part_of_what_was_traced() {
        let tracepoint = ["", "bpf_trace_run1", "__bpf_trace_mm_vmscan_direct_reclaim_end_template", "__traceiter_x"];
        let stack = ["try_to_free_pages", "__alloc_pages_slowpath", "bpf_map_update_elem", "entry_SYSCALL_64"];
        assert_eq!(trimmed(&[&tracepoint[..], &stack].concat()), stack);
        assert_eq!(trimmed(&stack), stack);
        assert_eq!(trimmed(&[&stack[..1], &stack].concat()), stack);
    }

    #[test]
    fn a_stack_without_names_stays_whole() {
        assert_eq!(trimmed(&["", "", ""]).len(), 3);
    }
}
