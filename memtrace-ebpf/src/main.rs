//! The kernel side of memtrace: the maps and the entry points. `memtrace-probe` builds it for the BPF target; for any
//! other target it is an empty program, so that the whole workspace can be checked on stable Rust.
#![cfg_attr(target_arch = "bpf", no_std, no_main, feature(core_intrinsics))]
#![cfg_attr(target_arch = "bpf", expect(internal_features, reason = "BPF has no atomic add in core::sync yet"))]
#![cfg_attr(
    target_arch = "bpf",
    expect(
        clippy::manual_unwrap_or,
        clippy::manual_unwrap_or_default,
        reason = "unwrap_or moves an Option whose payload was not written when it is None: the verifier refuses that"
    )
)]

#[cfg(target_arch = "bpf")]
mod config;
#[cfg(target_arch = "bpf")]
mod emit;
#[cfg(target_arch = "bpf")]
mod entry;
#[cfg(target_arch = "bpf")]
mod fields;
#[cfg(target_arch = "bpf")]
mod hooks;
#[cfg(target_arch = "bpf")]
mod inflight;
#[cfg(target_arch = "bpf")]
mod log;
#[cfg(target_arch = "bpf")]
mod maps;
#[cfg(target_arch = "bpf")]
mod memory;
#[cfg(target_arch = "bpf")]
mod option;
#[cfg(target_arch = "bpf")]
mod task;
#[cfg(target_arch = "bpf")]
mod time;

/// Does nothing: the kernel side runs in the kernel only.
#[cfg(not(target_arch = "bpf"))]
fn main() {}
