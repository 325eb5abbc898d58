//! The ports of Jaeger's agent: one batch a datagram, and nobody to tell when it is bad.

use super::{
    super::{
        intake::Intake,
        refusal::{Reason, Refusal},
    },
    thrift::Encoding,
    thrift_batch,
};
use sigyn_store::Via;
use std::{net::SocketAddr, sync::Arc};
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

/// The largest there is.
const DATAGRAM_BYTES_MAX: usize = 65_536;

/// How the datagrams of a port are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Protocol {
    Compact,
    Binary,
}

/// A bound port.
pub(in super::super) struct Agent {
    socket: UdpSocket,
    protocol: Protocol,
}

impl Agent {
    pub(in super::super) async fn bind(
        endpoint: &str,
        protocol: Protocol,
    ) -> std::io::Result<(Self, SocketAddr)> {
        let socket = UdpSocket::bind(endpoint).await?;
        let address = socket.local_addr()?;
        Ok((Self { socket, protocol }, address))
    }

    /// Takes datagrams until the receivers stop.
    pub(in super::super) async fn serve(self, intake: Arc<Intake>, stopping: CancellationToken) {
        let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            let received = tokio::select! {
                received = self.socket.recv(&mut datagram) => received,
                () = stopping.cancelled() => return,
            };
            // What an ICMP message reports on this socket is about others.
            let Ok(length) = received else { continue };
            if let Err(refusal) = self.take(&intake, &datagram[..length]).await {
                tracing::warn!(protocol = ?self.protocol, error = refusal.message, "Jaeger datagram refused");
            }
        }
    }

    async fn take(&self, intake: &Intake, datagram: &[u8]) -> Result<(), Refusal> {
        let encoding = match self.protocol {
            Protocol::Compact => Encoding::Compact,
            Protocol::Binary => Encoding::Binary,
        };
        let otlp = thrift_batch::of_datagram(datagram, encoding).map_err(|what| {
            Refusal::new(
                Reason::BadInput,
                format!("the datagram is not a call of emitBatch: {what}"),
            )
        })?;
        let received = intake.received(otlp.into())?;
        intake.take_whole(received, Via::Jaeger).await
    }
}
