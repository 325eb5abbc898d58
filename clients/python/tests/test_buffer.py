import json
import os
import random
import signal
import ssl
import subprocess
import sys
import threading
import unittest
import urllib.error
import urllib.request
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider, sampling
from reading import free_ports, spans_of
from vectors import decoded

import sigyn_buffer
from sigyn_buffer import Drain, SpanBuffer


def provider_of(buffer, **more):
    provider = TracerProvider(shutdown_on_exit=False, **more)
    provider.add_span_processor(buffer.processor())
    return provider


class Recording(unittest.TestCase):
    def test_record_only_spans_are_recorded(self):
        class RecordOnly(sampling.Sampler):
            def should_sample(self, *_, **__):
                return sampling.SamplingResult(sampling.Decision.RECORD_ONLY)

            def get_description(self):
                return "record only"

        buffer = SpanBuffer()
        provider_of(buffer, sampler=RecordOnly()).get_tracer("t").start_span("a").end()
        self.assertEqual(buffer.stats()["recorded"], 1)

    def test_what_a_wrapper_hides_stays_hidden(self):
        buffer = SpanBuffer()
        processor = buffer.processor()

        class Redacted(ReadableSpan):
            attributes = property(lambda self: {"user": "-"})

        class Redacting(SpanProcessor):
            def on_end(self, span):
                redacted = Redacted(span.name)
                redacted.__dict__.update(span.__dict__)
                processor.on_end(redacted)

        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(Redacting())
        provider.get_tracer("t").start_span("a", attributes={"user": "secret"}).end()
        body = buffer.answer("GET", "").body
        self.assertEqual((len(spans_of(body)), b"secret" in body), (1, False))

    def test_values_of_equal_hash_keep_their_types(self):
        buffer = SpanBuffer()
        tracer = provider_of(buffer).get_tracer("t")
        for value in (1, True, 1.0, "1", 0, False, 0.0, -0.0, 1, True, "x" * 300, "ä" * 70, "x" * 300, ""):
            tracer.start_span("a", attributes={"key": value}).end()
        spans = decoded(buffer.answer("GET", "").body)["resourceSpans"][0]["scopeSpans"][0]["spans"]
        values = [next(iter(span["attributes"][0]["value"].items())) for span in spans]
        wanted = [("intValue", "1"), ("boolValue", True), ("doubleValue", 1.0), ("stringValue", "1")]
        wanted += [("intValue", "0"), ("boolValue", False), ("doubleValue", 0.0), ("doubleValue", -0.0)]
        wanted += wanted[:2] + [("stringValue", text) for text in ("x" * 300, "ä" * 70, "x" * 300, "")]
        self.assertEqual(values, wanted)

    def test_what_cannot_be_encoded_is_counted_and_does_not_raise(self):
        class Nasty:
            def __str__(self):
                raise RuntimeError("no")

        buffer = SpanBuffer()
        buffer.record(buffer.scope("s"), {"attributes": [("a", Nasty())]})
        self.assertEqual(buffer.stats()["dropped"], 1)

    def test_the_ring_keeps_its_size(self):
        buffer = SpanBuffer(64 << 10)
        tracer = provider_of(buffer).get_tracer("t")
        for number in range(2000):
            tracer.start_span("x" * (number % 300)).end()
            self.assertLessEqual(buffer.stats()["bytes"], 64 << 10)
        stats = buffer.stats()
        self.assertEqual(stats["recorded"], 2000)
        self.assertGreater(stats["overwritten"], 0)

    def test_many_threads_lose_nothing(self):
        buffer = SpanBuffer()
        tracer = provider_of(buffer).get_tracer("t")
        threads = [
            threading.Thread(target=lambda: [tracer.start_span("a").end() for _ in range(500)])
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        seen, cursor = 0, ""
        while any(thread.is_alive() for thread in threads) or seen < 4000:
            answer = buffer.answer("GET", f"cursor={cursor}&wait=1s")
            seen += len(spans_of(answer.body))
            cursor = answer.headers["sigyn-cursor"]
        self.assertEqual((seen, buffer.stats()["recorded"]), (4000, 4000))

    def test_a_span_may_end_while_the_lock_is_held(self):
        buffer = SpanBuffer()
        tracer = provider_of(buffer).get_tracer("t")
        with buffer._ring.lock:
            for _ in range(100):
                tracer.start_span("from a signal handler").end()
        self.assertEqual(buffer.stats()["recorded"], 100)

    def test_scopes_are_bounded(self):
        buffer = SpanBuffer()
        numbers = {buffer.scope(f"scope {number}") for number in range(1000)}
        self.assertLessEqual(len(numbers), 257)
        self.assertLessEqual(len(buffer._scope_list), 257)

    def test_four_wait_and_the_fifth_is_told_to_come_later(self):
        buffer, answers = SpanBuffer(), []
        threads = [
            threading.Thread(target=lambda: answers.append(buffer.answer("GET", "wait=20s")))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        while buffer._waiting < 4:
            pass
        refused = buffer.answer("GET", "wait=20s")
        self.assertEqual((refused.status, refused.headers["retry-after"]), (429, "1"))
        self.assertEqual(buffer.answer("GET", "").status, 200)
        buffer.start_draining()
        for thread in threads:
            thread.join()
        self.assertEqual([answer.status for answer in answers], [200] * 4)


class Keeping(unittest.TestCase):
    def test_kept_or_not_every_span_comes_once_or_is_counted(self):
        for seed in range(40):
            draw = random.Random(seed)
            buffer = SpanBuffer(64 << 10)
            scope, recorded = buffer.scope("s"), 0
            readers = [Reader(buffer) for _ in range(3)]
            for _ in range(draw.randrange(80)):
                step = draw.randrange(6)
                if step < 3:
                    pad = {"pad": "x" * draw.choice((10, 200, 2000, 9000))}
                    for _ in range(draw.randrange(60)):
                        recorded += 1
                        buffer.record(
                            scope,
                            {**PLAIN, "trace_id": recorded, "span_id": recorded, "attributes": pad.items()},
                        )
                elif step < 5:
                    shown = [recorded - draw.randrange(200) for _ in range(draw.randrange(8))]
                    lines = [f'a_total 1 # {{trace_id="{number:x}"}} 1' for number in shown if number > 0]
                    buffer.keep_exemplars("\n".join(lines))
                else:
                    draw.choice(readers).read(draw.choice((1, 20_000, 4 << 20)))
            for reader in readers:
                while reader.read(4000):
                    pass
                self.assertEqual(len(reader.seen), len(set(reader.seen)), seed)
                self.assertEqual(len(reader.seen) + reader.lost, recorded, seed)


class Reader:
    """Goes from cursor to cursor."""

    def __init__(self, buffer):
        self.buffer, self.seen, self.lost, self.cursor = buffer, [], 0, f"1.{buffer.epoch}.0"

    def read(self, max_bytes):
        answer = self.buffer.answer("GET", f"cursor={self.cursor}&max_bytes={max_bytes}")
        self.seen += [number for number, _, _ in spans_of(answer.body)]
        self.lost += int(answer.headers["sigyn-lost"])
        self.cursor = answer.headers["sigyn-cursor"]
        return answer.headers["sigyn-more"] == "1"


PLAIN = {"trace_state": "", "parent_id": 0, "name": "s", "kind": 1, "start": 1, "end": 2, "code": 0}
PLAIN |= {"message": "", "flags": 0x101}


class Serving(unittest.TestCase):
    def setUp(self):
        self.buffer = SpanBuffer()
        provider_of(self.buffer).get_tracer("t").start_span("a").end()

    def serve(self, **more):
        server = sigyn_buffer.serve(self.buffer, "127.0.0.1", 0, **more)
        self.addCleanup(server.close)
        return server

    def test_one_connection_carries_many_requests(self):
        server = self.serve()
        connection = HTTPConnection("127.0.0.1", server.port)
        self.addCleanup(connection.close)
        for method, target, status in (
            ("GET", "/debug/spans", 200),
            ("HEAD", "/debug/spans", 200),
            ("GET", "/metrics", 404),
            ("GET", "/debug/spans?wait=x", 400),
            ("DELETE", "/debug/spans", 405),
            ("GET", "/debug/spans?drain=1", 200),
        ):
            connection.request(method, target, headers={"accept-encoding": "gzip"})
            response = connection.getresponse()
            response.read()
            self.assertEqual(response.status, status, target)
            self.assertFalse(response.will_close)

    def test_what_is_not_http_is_refused(self):
        server = self.serve()
        import socket

        for text in (b"banana\r\n\r\n", b"GET / HTTP/2.0\r\n\r\n", b"GET / HTTP/1.1\r\n folded: x\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", server.port)) as connection:
                connection.sendall(text)
                self.assertTrue(connection.makefile("rb").read().startswith(b"HTTP/1.1 400"))

    def test_a_token_is_asked_for(self):
        server = self.serve(token="secret")
        url = f"http://127.0.0.1:{server.port}/debug/spans"
        for headers in ({}, {"authorization": "Bearer wrong"}):
            with self.assertRaises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(urllib.request.Request(url, headers=headers))
            self.assertEqual(caught.exception.code, 401)
            caught.exception.close()
        request = urllib.request.Request(url, headers={"authorization": "Bearer secret"})
        with urllib.request.urlopen(request) as response:
            self.assertEqual(len(spans_of(response.read())), 1)

    def test_tls(self):
        keys = Path(__file__).parents[2] / "vectors/tls"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(keys / "certificate.pem", keys / "key.pem")
        url = f"https://127.0.0.1:{self.serve(ssl_context=context).port}/debug/spans"
        trusting = ssl.create_default_context(cafile=keys / "certificate.pem")
        with urllib.request.urlopen(url, context=trusting) as response:
            self.assertEqual(len(spans_of(response.read())), 1)
        with self.assertRaises(urllib.error.URLError):
            urllib.request.urlopen(url)

    def test_wsgi_and_asgi_give_the_same_answer(self):
        import asyncio

        sent, started = [], []
        environ = {"REQUEST_METHOD": "GET", "QUERY_STRING": ""}
        body = b"".join(self.buffer.wsgi_app(environ, lambda *arguments: started.append(arguments)))

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "GET", "query_string": b"", "headers": []}
        asyncio.run(self.buffer.asgi_app(scope, None, send))
        self.assertEqual(started[0][0], "200 OK")
        self.assertEqual(sent[1]["body"], body)
        self.assertEqual(len(spans_of(body)), 1)

    @unittest.skipUnless(hasattr(os, "fork"), "this system does not fork")
    def test_forked_workers_are_targets_of_their_own(self):
        first = free_ports(200)
        server = sigyn_buffer.serve(self.buffer, "127.0.0.1", range(first, first + 200))
        self.addCleanup(server.close)
        tracer = provider_of(self.buffer).get_tracer("t")
        code = f"""if True:
            import os, sys, json, sigyn_buffer
            buffer = sigyn_buffer.SpanBuffer()
            scope = buffer.scope("s")
            server = sigyn_buffer.serve(buffer, "127.0.0.1", range({first}, {first + 200}))
            before = buffer.epoch
            if os.fork() == 0:
                print(json.dumps([server.port, buffer.epoch != before]), flush=True)
                sys.stdin.read()
                os._exit(0)
            print(json.dumps([server.port, buffer.epoch == before]), flush=True)
            os.wait()
        """
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.addCleanup(process.stdout.close)
        lines = [json.loads(process.stdout.readline()) for _ in range(2)]
        try:
            ports, ok = zip(*lines)
            self.assertEqual(ok, (True, True))
            self.assertEqual(len({*ports, server.port}), 3)
            epochs = set()
            for port in (*ports, server.port):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/debug/spans") as response:
                    epochs.add(response.headers["sigyn-cursor"].split(".")[1])
            self.assertEqual(len(epochs), 3)
        finally:
            process.communicate()
        del tracer


class Ending(unittest.TestCase):
    def test_what_nobody_read_is_pushed(self):
        bodies = []

        class Collector(BaseHTTPRequestHandler):
            def do_POST(self):
                bodies.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        collector = HTTPServer(("127.0.0.1", 0), Collector)
        self.addCleanup(collector.server_close)
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        self.addCleanup(collector.shutdown)
        url = f"http://127.0.0.1:{collector.server_port}/v1/traces"
        buffer = SpanBuffer()
        provider_of(buffer).get_tracer("t").start_span("read").end()
        cursor = buffer.answer("GET", "").headers["sigyn-cursor"]
        buffer.answer("GET", f"drain=1&cursor={cursor}")
        provider_of(buffer).get_tracer("t").start_span("unread").end()
        self.assertEqual(buffer.drain(0.01, url), Drain.PUSHED)
        self.assertEqual([len(spans_of(body)) for body in bodies], [1])
        self.assertIn(b"unread", bodies[0])
        self.assertEqual(buffer.drain(0.01, "http://127.0.0.1:9/"), Drain.UNREAD)

    def test_sigterm_waits_for_the_reader(self):
        code = """if True:
            import time, sigyn_buffer
            buffer = sigyn_buffer.SpanBuffer()
            server = sigyn_buffer.serve(buffer, "127.0.0.1", 0)
            sigyn_buffer.drain_on_exit(buffer, 20)
            from opentelemetry.sdk.trace import TracerProvider
            provider = TracerProvider(shutdown_on_exit=False)
            provider.add_span_processor(buffer.processor())
            provider.get_tracer("t").start_span("last").end()
            print(server.port, flush=True)
            time.sleep(60)
        """
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        url = f"http://127.0.0.1:{int(process.stdout.readline())}/debug/spans?cursor="
        process.send_signal(signal.SIGTERM)
        cursor = ""
        for spans in (1, 0):
            with urllib.request.urlopen(f"{url}{cursor}&drain=1") as response:
                self.assertEqual(len(spans_of(response.read())), spans)
                cursor = response.headers["sigyn-cursor"]
        self.assertEqual(process.wait(10), 0)


class Exemplars(unittest.TestCase):
    def test_the_active_span_is_the_exemplar(self):
        from prometheus_client import CollectorRegistry, Histogram
        from prometheus_client.openmetrics.exposition import generate_latest

        self.assertIsNone(sigyn_buffer.exemplar())
        registry = CollectorRegistry()
        latency = Histogram("latency_seconds", "h", registry=registry)
        with provider_of(SpanBuffer()).get_tracer("t").start_as_current_span("a") as span:
            latency.observe(0.1, exemplar=sigyn_buffer.exemplar())
        trace_id = trace.format_trace_id(span.get_span_context().trace_id)
        self.assertIn(f'trace_id="{trace_id}"'.encode(), generate_latest(registry))
