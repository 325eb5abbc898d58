"""One service of the polyglot demo, by OpenTelemetry: ``demo.py --listen 127.0.0.1:7001 --next URL``.

``GET /checkout`` goes on along the chain with W3C trace context and baggage; ``/debug/spans`` is the span
buffer and ``/metrics`` shows exemplars. SIGTERM drains.
"""

import argparse
import json
import signal
import threading
import time
import urllib.request
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from opentelemetry import baggage, propagate, trace
from opentelemetry.context import attach, detach
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

import sigyn_buffer

SERVICE = "polyglot-python"
NEXT_SECONDS_MAX = 10.0

buffer = sigyn_buffer.SpanBuffer()
provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}), shutdown_on_exit=False)
provider.add_span_processor(buffer.processor())
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("polyglot")
registry = CollectorRegistry()
latency = Histogram("checkout_duration_seconds", "Time to answer.", registry=registry)


def call(next_url):
    """What the rest of the chain answers."""
    attributes = {"http.request.method": "GET", "url.full": next_url}
    with tracer.start_as_current_span("GET", kind=trace.SpanKind.CLIENT, attributes=attributes) as span:
        headers = {}
        propagate.inject(headers)
        request = urllib.request.Request(next_url, headers=headers)
        with urllib.request.urlopen(request, timeout=NEXT_SECONDS_MAX) as response:
            span.set_attribute("http.response.status_code", response.status)
            return json.load(response)


def checkout(headers, query, next_url):
    """(status line, answer) of one request."""
    token, began = attach(propagate.extract(headers)), time.monotonic()
    attributes = {"http.request.method": "GET", "http.route": "/checkout", "url.query": query}
    kind = trace.SpanKind.SERVER
    try:
        with tracer.start_as_current_span("GET /checkout", kind=kind, attributes=attributes) as span:
            status, answer = "200 OK", {"services": [SERVICE], "baggage": dict(baggage.get_all())}
            try:
                if next_url:
                    answer["services"] += call(next_url)["services"]
            except (OSError, ValueError, KeyError) as error:
                status, answer = "502 Bad Gateway", {"error": f"{next_url} did not answer: {error}"}
                span.set_status(trace.StatusCode.ERROR, answer["error"])
            span.set_attribute("http.response.status_code", int(status[:3]))
            latency.observe(time.monotonic() - began, exemplar=sigyn_buffer.exemplar())
            return status, answer
    finally:
        detach(token)


def metrics():
    page = generate_latest(registry)
    buffer.keep_exemplars(page)
    return page


def app_of(next_url):
    spans = buffer.wsgi_app

    def app(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/debug/spans":
            return spans(environ, start_response)
        if path == "/checkout":
            names = {key[5:].lower(): value for key, value in environ.items() if key.startswith("HTTP_")}
            status, answer = checkout(names, environ["QUERY_STRING"], next_url)
            kind, body = "application/json", json.dumps(answer).encode()
        elif path == "/metrics":
            status, kind, body = "200 OK", CONTENT_TYPE_LATEST, metrics()
        else:
            status, kind, body = "404 Not Found", "text/plain", b"try /checkout, /metrics or /debug/spans\n"
        start_response(status, [("content-type", kind), ("content-length", str(len(body)))])
        return [body]

    return app


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64


class Handler(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description="One service of the polyglot demo.")
    parser.add_argument("--listen", default="127.0.0.1:7001", help="address and port")
    parser.add_argument("--next", default="", help="the service that is called; none at the end of the chain")
    given = parser.parse_args()
    host, _, port = given.listen.rpartition(":")
    next_url = given.next.rstrip("/")
    if next_url and not next_url.endswith("/checkout"):
        next_url += "/checkout"
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    signal.signal(signal.SIGINT, lambda *_: ending.set())
    server = make_server(host, int(port), app_of(next_url), Server, Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    ending.wait()
    buffer.drain()


if __name__ == "__main__":
    main()
