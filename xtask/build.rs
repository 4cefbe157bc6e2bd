//! Does nothing. It exists so that xtask can have build dependencies: they request the same features as the rest of the
//! workspace, see `src/packages.rs`.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
}
