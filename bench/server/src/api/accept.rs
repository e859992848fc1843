//! Connections: how many there may be, and how long one may take to say what it wants.
//!
//! A client that opens many and says nothing keeps nobody else out for long.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

/// So many at once, at most: those who watch, and others.
const CONNECTIONS_MAX: usize = 600;
/// How long the head of a request may take to come.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// The pause after a connection could not be taken, as for want of descriptors.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// Takes connections until it is over, and lets those that are open end.
pub(super) async fn accept(
    listener: &TcpListener,
    tls: Option<&TlsAcceptor>,
    router: &Router,
    over: watch::Receiver<bool>,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut until = over.clone();
    loop {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let taken = tokio::select! {
            biased;
            () = end(&mut until) => break,
            taken = listener.accept() => taken,
        };
        match taken {
            Ok((stream, _)) => {
                let (tls, router, over) = (tls.cloned(), router.clone(), over.clone());
                drop(tokio::spawn(async move {
                    match tls {
                        None => serve(stream, router, over).await,
                        // Who does not agree on how to speak has nothing to say.
                        Some(tls) => {
                            if let Ok(Ok(stream)) = tokio::time::timeout(HEAD_WITHIN, tls.accept(stream)).await {
                                serve(stream, router, over).await;
                            }
                        }
                    }
                    drop(permit);
                }));
            }
            Err(_) => tokio::time::sleep(AFTER_FAILURE).await,
        }
    }
    // All permits are back when every connection has ended; whoever called waits no longer than he likes.
    let all = u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX);
    drop(tokio::time::timeout(super::ENDED_WITHIN, room.acquire_many(all)).await);
}

/// Waits until it is over; an end that nobody announces any more is one as well.
async fn end(over: &mut watch::Receiver<bool>) {
    drop(over.wait_for(|over| *over).await);
}

/// Serves one connection; what breaks it off is its client's.
async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, router: Router, mut over: watch::Receiver<bool>) {
    let mut builder = Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)));
    tokio::select! {
        biased;
        () = end(&mut over) => {
            connection.as_mut().graceful_shutdown();
            drop(connection.await);
        }
        _ = connection.as_mut() => {}
    }
}
