"""A small web service for clients/bench_web.mjs: ``bench_web.py none|buffer|otlp PORT OTLP_URL``."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NoOpTracerProvider, SpanKind

import sigyn_buffer

mode, port, otlp = sys.argv[1], int(sys.argv[2]), sys.argv[3]
buffer = sigyn_buffer.SpanBuffer()
provider = NoOpTracerProvider()
if mode != "none":
    provider = TracerProvider(resource=Resource.create({"service.name": "web"}), shutdown_on_exit=False)
    processor = buffer.processor() if mode == "buffer" else BatchSpanProcessor(OTLPSpanExporter(otlp))
    provider.add_span_processor(processor)
tracer = provider.get_tracer("web")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes

    def do_GET(self):
        if self.path.startswith("/debug/spans"):
            answer = buffer.answer(
                "GET", self.path.partition("?")[2], self.headers.get("accept-encoding", "")
            )
            return self.reply(answer.status, answer.headers, answer.body)
        attributes = {"http.request.method": "GET", "http.route": "/cart/{id}", "url.path": self.path}
        with tracer.start_as_current_span(
            "GET /cart/{id}", kind=SpanKind.SERVER, attributes=attributes
        ) as span:
            for number in range(4):
                query = {
                    "db.system.name": "postgresql",
                    "db.query.text": "SELECT * FROM cart WHERE id = $1",
                    "n": number,
                }
                tracer.start_span("SELECT cart", kind=SpanKind.CLIENT, attributes=query).end()
            span.set_attribute("http.response.status_code", 200)
        self.reply(200, {"content-length": "2"}, b"ok")

    def reply(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 64


server = Server(("127.0.0.1", port), Handler)
print("ready", flush=True)
server.serve_forever()
