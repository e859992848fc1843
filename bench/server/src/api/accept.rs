//! Connections: how many there may be, and how long one may take to say what it wants.
//!
//! A client that opens many and says nothing keeps nobody else out for long.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

/// So many at once, at most: those who watch, and others.
const CONNECTIONS_MAX: usize = 600;
/// How long the head of a request may take to come.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// So many of one other host, at most.
const OF_ONE_HOST_MAX: usize = 200;
/// A client that takes nothing of what it is sent for so long is gone, in ms.
const UNTAKEN_MS: u32 = 30_000;
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
    let hosts = Hosts::default();
    loop {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let taken = tokio::select! {
            biased;
            () = end(&mut until) => break,
            taken = listener.accept() => taken,
        };
        match taken {
            Ok((stream, from)) => {
                let Some(guest) = Guest::of(&hosts, from.ip()) else { continue };
                // Where the system does not know that, the number of connections alone is bounded.
                let _ = set_tcp_user_timeout(&stream, UNTAKEN_MS);
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
                    drop((permit, guest));
                }));
            }
            Err(_) => tokio::time::sleep(AFTER_FAILURE).await,
        }
    }
    // All permits are back when every connection has ended; whoever called waits no longer than he likes.
    let all = u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX);
    drop(tokio::time::timeout(super::ENDED_WITHIN, room.acquire_many(all)).await);
}

/// How many connections each other host has.
type Hosts = Arc<Mutex<BTreeMap<IpAddr, usize>>>;

/// One of them; this host's own are not counted.
struct Guest {
    hosts: Hosts,
    host: IpAddr,
}

impl Guest {
    /// `None` if there are too many of that host.
    fn of(hosts: &Hosts, host: IpAddr) -> Option<Self> {
        if !host.is_loopback() {
            let mut hosts = hosts.lock().unwrap_or_else(PoisonError::into_inner);
            let count = hosts.entry(host).or_insert(0);
            if *count >= OF_ONE_HOST_MAX {
                return None;
            }
            *count += 1;
        }
        Some(Self { hosts: Arc::clone(hosts), host })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = hosts.get_mut(&self.host) {
            *count -= 1;
            if *count == 0 {
                hosts.remove(&self.host);
            }
        }
    }
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
