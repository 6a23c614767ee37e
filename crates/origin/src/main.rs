//! origin.
fn main() {}
