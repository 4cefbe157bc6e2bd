//! Link options of the kernel side.

fn main() {
    // Without it LLVM turns each zeroing and copying into a call of a loop over single bytes: this was half the time of
    // a begin, and the verifier follows each round of the loop.
    println!("cargo:rustc-link-arg-bins=--disable-expand-memcpy-in-order");
    println!("cargo:rerun-if-changed=build.rs");
}
