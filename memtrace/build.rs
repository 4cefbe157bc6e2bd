//! Options of the linker for the program.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // The tables of lines are a third of a release binary. Backtraces read them compressed, too.
    if env::var_os("PROFILE").is_some_and(|profile| profile == "release") {
        println!("cargo:rustc-link-arg-bins=-Wl,--compress-debug-sections=zlib");
    }
}
