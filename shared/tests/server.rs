//! The server against clients that take their answers slowly, or not at all.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming};
use shared::http::{ServerLimits, bind, serve};
use std::{convert::Infallible, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;

/// More than any socket buffer holds.
const ANSWER: usize = 64 * 1024 * 1024;
/// Far longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

async fn ask(stream: &mut TcpStream) {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.expect("asked");
}

#[tokio::test]
async fn who_never_reads_gives_the_place_free() {
    let listener = bind("127.0.0.1:0".parse().expect("an address")).expect("bound");
    let address = listener.local_addr().expect("its address");
    let limits = ServerLimits { connections: 1, write_stall: Duration::from_millis(300), ..ServerLimits::default() };
    let service = tower::service_fn(|_: Request<Incoming>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(vec![b'x'; ANSWER]))))
    });
    let stop = CancellationToken::new();
    let running = tokio::spawn(serve(listener, service, limits, stop.clone()));

    let mut stalled = TcpStream::connect(address).await.expect("connected");
    ask(&mut stalled).await;
    // There is one place: the next client is served only once the first has lost it.
    let mut next = TcpStream::connect(address).await.expect("connected");
    ask(&mut next).await;
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, next.read_to_end(&mut answer)).await.expect("served").expect("read");
    assert!(answer.len() > ANSWER, "a client that reads gets all of it");

    stop.cancel();
    tokio::time::timeout(PATIENCE, running).await.expect("ends").expect("ended");
    drop(stalled);
}
