"""Loaded before the fork (`preload`): each worker serves its own spans on its own port."""

from opentelemetry.sdk.trace import TracerProvider

import sigyn_buffer

buffer = sigyn_buffer.SpanBuffer()
provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(buffer.processor())
tracer = provider.get_tracer("gunicorn")
server = None


def serve(first_port: int) -> None:
    global server
    server = sigyn_buffer.serve(buffer, "127.0.0.1", range(first_port, first_port + 20))


def app(environ, start_response):
    with tracer.start_as_current_span("request"):
        start_response("200 OK", [("content-type", "text/plain")])
        return [str(server.port).encode()]
