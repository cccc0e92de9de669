//! Clients that are slow, over real connections.

use crate::world::{SECRET, World, signature};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;
use webhook_gateway::CALLBACK_PATH;

/// Far longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

struct Server {
    address: std::net::SocketAddr,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

/// A gateway that listens, with short limits.
fn serve() -> Server {
    let world = World::with(&[
        ("FLOW_RUNNER__GATEWAY__HEADER_TIMEOUT", "300ms"),
        ("FLOW_RUNNER__GATEWAY__BODY_TIMEOUT", "300ms"),
    ]);
    let listener = shared::http::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let running = tokio::spawn(async move {
        webhook_gateway::run(world.gateway, listener, &world.settings.gateway, stopped).await;
    });
    Server { address, stop, running }
}

/// Sends this and reads to the end of the connection.
async fn say(server: &Server, words: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(words.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the server lets go").unwrap();
    String::from_utf8(answer).unwrap()
}

fn head(length: usize, more: &str) -> String {
    format!("POST {CALLBACK_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{more}\r\n")
}

#[tokio::test]
async fn a_signed_callback_is_answered_and_the_server_ends_in_order() {
    let server = serve();
    let signed = signature(SECRET, b"{}");
    let words = head(2, &format!("X-Hub-Signature-256: {signed}\r\nConnection: close\r\n")) + "{}";
    let answer = say(&server, &words).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    server.stop.cancel();
    tokio::time::timeout(PATIENCE, server.running).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_body_that_does_not_come_is_a_408() {
    let server = serve();
    let answer = say(&server, &(head(100, "") + "{\"entry\":")).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("\"body_timeout\""), "{answer}");
}

#[tokio::test]
async fn too_long_a_body_is_refused_before_it_is_sent() {
    let server = serve();
    let answer = say(&server, &head(5 * 1024 * 1024, "")).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn headers_that_do_not_end_close_the_connection() {
    let server = serve();
    let answer = say(&server, "POST / HTTP/1.1\r\nHost: x\r\nX-Slow: ").await;
    assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    assert_eq!(say(&server, "G").await, "");
}

#[tokio::test]
async fn headers_over_the_limit_are_a_431() {
    let server = serve();
    let answer = say(&server, &head(0, &format!("X-Long: {}\r\n", "x".repeat(40_000)))).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn slow_clients_delay_nobody() {
    let server = serve();
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all((head(4_000_000, "") + "{").as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let signed = signature(SECRET, b"{}");
    let words = head(2, &format!("X-Hub-Signature-256: {signed}\r\nConnection: close\r\n")) + "{}";
    assert!(say(&server, &words).await.starts_with("HTTP/1.1 200 "));
}
