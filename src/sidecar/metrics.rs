//! What a sidecar says of itself.

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};
use sigyn_sidecar::Sidecar;
use std::fmt;

/// Asks the buffer whenever it is asked.
#[derive(Debug)]
pub(super) struct SidecarMetrics {
    sidecar: Sidecar,
}

impl SidecarMetrics {
    pub(super) fn new(sidecar: Sidecar) -> Self {
        Self { sidecar }
    }
}

impl Collector for SidecarMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let buffer = self.sidecar.buffer().stats();
        let taken = self.sidecar.stats();
        {
            let received = ConstCounter::new(0u64);
            let mut family = encoder.encode_descriptor(
                "sigyn_buffer_received_spans",
                "Spans taken from the app",
                None,
                received.metric_type(),
            )?;
            for (via, spans) in [
                ("otlp", taken.received_otlp),
                ("zipkin", taken.received_zipkin),
                ("jaeger", taken.received_jaeger),
            ] {
                let labels = [("via", via)];
                ConstCounter::new(spans).encode(family.encode_family(&labels)?)?;
            }
        }
        for (name, help, count) in [
            ("rejected_spans", "Spans of the app with impossible IDs", taken.rejected),
            ("recorded_spans", "Spans recorded since this epoch began", buffer.recorded),
            ("overwritten_spans", "Of these, spans overwritten by newer ones", buffer.overwritten),
            ("damaged_spans", "Spans of an earlier life that were damaged", buffer.damaged),
            ("file_write_failures", "Failed writes of the ring's file", taken.write_failures),
        ] {
            let counter = ConstCounter::new(count);
            let kind = counter.metric_type();
            let name = format!("sigyn_buffer_{name}");
            counter.encode(encoder.encode_descriptor(&name, help, None, kind)?)?;
        }
        for (name, help, unit, value) in [
            ("held", "Bytes of spans that can be read", Unit::Bytes, buffer.held_bytes as f64),
            ("capacity", "Bytes for spans", Unit::Bytes, buffer.capacity_bytes as f64),
            (
                "overwrite",
                "Time in which new spans fill the buffer at the present rate",
                Unit::Seconds,
                buffer.overwrite_seconds,
            ),
        ] {
            let gauge = ConstGauge::new(value);
            let kind = gauge.metric_type();
            let name = format!("sigyn_buffer_{name}");
            gauge.encode(encoder.encode_descriptor(&name, help, Some(&unit), kind)?)?;
        }
        Ok(())
    }
}
