//! The handler for apps without an async runtime: threads and blocking sockets.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::SpanBuffer;

use connection::Connection;

mod connection;
mod head;

/// A thread each. A reader needs one; the others are for people with curl.
const CONNECTIONS_MAX: usize = 8;
/// Enough for a debug build; a thread touches a fraction of it.
const STACK_BYTES: usize = 512 << 10;
/// After a failed accept (no file descriptor left, say), so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// A server of one buffer on threads of its own; made by [`SpanBuffer::serve`].
///
/// Dropping it ends the threads and closes the port; [`detach`](Self::detach) leaves it running for as
/// long as the process lives.
#[derive(Debug)]
pub struct Server {
    local_addr: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    stop: AtomicBool,
    /// By number, so that a connection can take itself out.
    connections: Mutex<HashMap<u64, Open>>,
}

#[derive(Debug)]
struct Open {
    stream: TcpStream,
    thread: JoinHandle<()>,
}

impl SpanBuffer {
    /// Serves `GET /debug/spans` on a thread of its own, with at most 8 connections at a time. Use
    /// port 0 for any free one.
    ///
    /// # Errors
    /// When the address cannot be bound, or no thread be started.
    pub fn serve(&self, address: impl ToSocketAddrs) -> io::Result<Server> {
        let listener = TcpListener::bind(address)?;
        let local_addr = listener.local_addr()?;
        let connections = Mutex::default();
        let shared = Arc::new(Shared { stop: AtomicBool::new(false), connections });
        let (buffer, accepting) = (self.clone(), shared.clone());
        let acceptor = Builder::new()
            .name("sigyn-buffer".into())
            .stack_size(STACK_BYTES)
            .spawn(move || accept(&listener, &buffer, &accepting))?;
        Ok(Server { local_addr, shared, acceptor: Some(acceptor) })
    }
}

impl Server {
    /// Where it listens, with the port that was chosen.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Lets the server run until the process ends.
    pub fn detach(mut self) {
        self.acceptor = None;
    }

    fn stop(&mut self) {
        let Some(acceptor) = self.acceptor.take() else { return };
        self.shared.stop.store(true, Ordering::Release);
        // The standard library cannot interrupt an accept, but a connection to oneself can.
        let woken = TcpStream::connect_timeout(&reachable(self.local_addr), STOP_TIMEOUT);
        if woken.is_ok() {
            // A panic there has been reported on standard error already.
            let _ = acceptor.join();
        }
        let open = std::mem::take(&mut *self.shared.connections());
        for connection in open.into_values() {
            let _ = connection.stream.shutdown(std::net::Shutdown::Both);
            connection.thread.thread().unpark();
            let _ = connection.thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn connections(&self) -> MutexGuard<'_, HashMap<u64, Open>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(listener: &TcpListener, buffer: &SpanBuffer, shared: &Arc<Shared>) {
    for number in 0.. {
        let accepted = listener.accept();
        if shared.stop.load(Ordering::Acquire) {
            return;
        }
        match accepted {
            Ok((stream, _)) => {
                // One that cannot get a thread is closed; the reader comes again.
                let _ = open(stream, number, buffer, shared);
            }
            Err(_) => std::thread::park_timeout(ACCEPT_PAUSE),
        }
    }
}

fn open(
    stream: TcpStream,
    number: u64,
    buffer: &SpanBuffer,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    // Held over the start of the thread, which takes itself out at its end.
    let mut connections = shared.connections();
    let connection = Connection::new(stream.try_clone()?, buffer.clone());
    if connections.len() >= CONNECTIONS_MAX {
        return connection.turn_away();
    }
    let owner = shared.clone();
    let serve = move || {
        // An error is the end of the connection, and nobody is there to be told.
        let _ = connection.serve(&owner.stop);
        owner.connections().remove(&number);
    };
    let thread =
        Builder::new().name("sigyn-buffer-conn".into()).stack_size(STACK_BYTES).spawn(serve)?;
    connections.insert(number, Open { stream, thread });
    Ok(())
}

/// An address to reach a listener on every interface.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}
