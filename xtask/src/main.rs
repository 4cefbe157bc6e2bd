//! `cargo xtask`: what a person would otherwise type by hand.
fn main() {}
