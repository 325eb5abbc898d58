"""What a finished span costs its app: this buffer, and OpenTelemetry's batch processor with its OTLP/HTTP
exporter on the same spans. CPU time of the whole process, the sink in another one; the batch processor has a
queue that is large enough to lose nothing. Prints one JSON object a line."""

import gc
import json
import subprocess
import sys
import time
import tracemalloc

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

from sigyn_buffer import SpanBuffer
from sigyn_buffer.opentracing import Tracer

SPANS = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
ROUNDS = 5


def attributes(number):
    return {
        "http.request.method": "GET",
        "http.route": "/api/products/{id}",
        "url.path": f"/api/products/{number}",
        "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64) Firefox/131.0",
        "http.response.status_code": 200,
        "server.port": 8080,
        "server.address": "catalogue.shop.svc.cluster.local",
        "app.user.id": f"user-{number:07}",
        "app.cache.hit": True,
    }


def ended_spans():
    """Spans of the SDK, as a processor gets them."""
    caught = []

    class Catch(SpanProcessor):
        def on_end(self, span):
            caught.append(span)

    provider = TracerProvider(resource=Resource.create({"service.name": "bench"}), shutdown_on_exit=False)
    provider.add_span_processor(Catch())
    tracer = provider.get_tracer("shop-http", "1.4.0")
    for number in range(SPANS):
        tracer.start_span("GET /api/products/{id}", kind=SpanKind.SERVER, attributes=attributes(number)).end()
    return caught


def cost(spans, processor, finish):
    """(ns on the ending thread, ns in the process) per span; the best of the rounds."""
    rounds = []
    for _ in range(ROUNDS):
        gc.collect()
        thread, process = time.thread_time_ns(), time.process_time_ns()
        for span in spans:
            processor.on_end(span)
        thread = time.thread_time_ns() - thread
        finish()
        rounds.append(((time.process_time_ns() - process) / len(spans), thread / len(spans)))
    process, thread = min(rounds)
    return round(thread), round(process)


SINK = """if True:
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Sink(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    print(server.server_port, flush=True)
    server.serve_forever()
"""

spans = ended_spans()
buffer = SpanBuffer()
ours = cost(spans, buffer.processor(), lambda: None)

sink = subprocess.Popen([sys.executable, "-c", SINK], stdout=subprocess.PIPE)
exporter = OTLPSpanExporter(f"http://127.0.0.1:{int(sink.stdout.readline())}/v1/traces")
batch = BatchSpanProcessor(exporter, max_queue_size=2 * SPANS)
theirs = cost(spans, batch, lambda: batch.force_flush(60_000))
batch.shutdown()
sink.kill()

tracemalloc.start()
held_buffer = SpanBuffer()
before = tracemalloc.get_traced_memory()[0]
held_processor = held_buffer.processor()
for span in spans:
    held_processor.on_end(span)
held = (tracemalloc.get_traced_memory()[0] - before) / SPANS
tracemalloc.stop()
encoded = sum(len(entry) for entry in held_buffer._ring.entries) / len(held_buffer._ring.entries)

tracer = Tracer("bench")
opentracing = time.process_time_ns()
for number in range(SPANS):
    tracer.start_span("GET", tags=attributes(number)).finish()
opentracing = (time.process_time_ns() - opentracing) / SPANS

print(
    json.dumps(
        {
            "bench": "client_record",
            "client": "python",
            "span_bytes": round(encoded),
            "held_bytes_per_span": round(held),
            "ns_per_span": ours[0],
            "otel_batch_ns_per_span": theirs[0],
            "cpu_ns_per_span": ours[1],
            "otel_batch_cpu_ns_per_span": theirs[1],
            "ratio": round(theirs[1] / ours[1], 1),
            "opentracing_start_to_finish_ns": round(opentracing),
        }
    )
)
