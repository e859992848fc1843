//! The command line by snapshots: what people and scripts see, to the letter.
//!
//! `TRYCMD=overwrite cargo test -p dosebench --test whole command_line` writes them again; review them like code.

#[test]
fn snapshots() {
    trycmd::TestCases::new()
        .case("tests/cmd/*.trycmd")
        .insert_var("[VERSION]", env!("CARGO_PKG_VERSION"))
        .expect("a variable")
        .run();
}
