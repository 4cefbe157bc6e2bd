//! Does nothing. With it xtask may ask for the features of dependencies that the whole workspace asks for: see
//! `src/packages.rs`.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
}
