//! Arguments, configuration, run, exit code. No decisions.

fn main() {}
