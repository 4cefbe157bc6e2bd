//! How the kernel side is linked.

fn main() {
    // Else LLVM makes a call of each zeroing and copying, to a loop over single bytes: of a begin that was half the time,
    // and the verifier goes through each round of it.
    println!("cargo:rustc-link-arg-bins=--disable-expand-memcpy-in-order");
    println!("cargo:rerun-if-changed=build.rs");
}
