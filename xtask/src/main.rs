//! Tasks of this repository: `cargo xtask test|ci|schema|docs`.
fn main() {}
