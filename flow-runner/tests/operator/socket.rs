//! The operators' socket, which is there only where a process owns a data directory.

use crate::support::Installation;

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_who_says_nothing_does_not_hold_up_the_end() {
    let mut installation = Installation::new("http://127.0.0.1:1", &[]);
    installation.start().await;
    let socket = installation.data_dir().join("operator.sock");
    let idle = std::os::unix::net::UnixStream::connect(&socket).expect("connected");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&socket).expect("the socket").permissions());
    assert_eq!(mode & 0o777, 0o600);
    installation.terminate().await;
    drop(idle);
    assert!(!socket.exists(), "a process that ended in order leaves no socket");
}
