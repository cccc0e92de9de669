//! The program's command line.

use testkit::program;

const PROGRAM: &str = env!("CARGO_BIN_EXE_outbound-sender");

#[test]
fn it_explains_itself() {
    program::assert_explains_itself(PROGRAM, "outbound-sender");
}

#[test]
fn it_refuses_what_can_not_work() {
    program::assert_refuses_what_can_not_work(PROGRAM, "outbound-sender");
}
