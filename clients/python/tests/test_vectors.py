import gzip
import json
import threading
import time
import unittest

import opentracing
import vectors
from reading import spans_of, stats_of

from sigyn_buffer import SpanBuffer
from sigyn_buffer.opentracing import Tracer

START = 1_790_000_000_000_000_000


class Scenario:
    """One case of protocol.json against one buffer."""

    def __init__(self, test, case, capacity):
        self.test, self.case, self.capacity = test, case, capacity
        self.cursors, self.cursor, self.recorded = {}, "", 0
        self.restart()

    def restart(self):
        case = self.case
        clock = case.get("clock")
        more = {"clock": lambda: int(clock)} if clock else {}
        if "span_bytes_max" in case:
            more["span_bytes_max"] = case["span_bytes_max"]
        self.buffer = SpanBuffer(self.capacity, uid=case.get("uid"), **more)
        self.buffer.set_resource({"service.name": "vectors"})

    def record(self, step):
        scope = self.buffer.scope(step.get("scope", "vectors"))
        pad = {"pad": "x" * step["pad"]} if step.get("pad") else {}
        for number in range(*step["record"]):
            self.buffer.record(
                scope,
                {
                    "trace_id": step.get("trace", number + 1),
                    "span_id": number + 1,
                    "trace_state": "",
                    "parent_id": 0,
                    "name": "span",
                    "kind": 1,
                    "start": START + number,
                    "end": START + number + 1000,
                    "code": 0,
                    "message": "",
                    "flags": 0x101,
                    "attributes": pad.items(),
                },
            )
        self.recorded = step["record"][1]

    def run(self):
        for step in self.case["steps"]:
            self.step(step)

    def step(self, step):
        if "record" in step:
            self.record(step)
        elif "restart" in step:
            self.restart()
        elif "start_draining" in step:
            self.buffer.start_draining()
        elif "show" in step:
            self.buffer.keep_exemplars(step["show"])
        elif "drained" in step:
            self.test.assertEqual(self.buffer.drained(0).value, step["drained"])
        elif "read_all" in step:
            self.read_all(step)
        else:
            self.get(step)

    def ask(self, query, step):
        query = query.replace("{cursor}", self.cursor).replace("{epoch}", f"1.{self.buffer.epoch}")
        for name, cursor in self.cursors.items():
            query = query.replace(f"{{cursor:{name}}}", cursor)
        return self.buffer.answer(step.get("method", "GET"), query, step.get("accept_encoding", ""))

    def read_all(self, step):
        expect, numbers, truncated, reads, more = step["expect"], [], [], 0, "1"
        self.cursor = ""
        while more == "1":
            answer = self.ask("cursor={cursor}&" + step["read_all"], step)
            self.test.assertLessEqual(len(answer.body), expect["body_bytes_max"])
            spans = spans_of(answer.body)
            self.test.assertTrue(spans)
            numbers += [number for number, _, _ in spans]
            truncated += [number for number, _, cut in spans if cut]
            self.cursor, more, reads = answer.headers["sigyn-cursor"], answer.headers["sigyn-more"], reads + 1
        self.test.assertEqual(numbers, list(range(*expect["spans"])))
        self.test.assertEqual(truncated, expect.get("truncated", []))
        self.test.assertGreaterEqual(reads, expect.get("reads_at_least", 1))

    def get(self, step):
        expect, test = step["expect"], self.test
        if "after_ms" in step:
            timer = threading.Timer(step["after_ms"] / 1000, lambda: self.step(step["then"]))
            timer.start()
        began, before = time.monotonic(), self.cursor
        answer = self.ask(step["get"], step)
        passed_ms = (time.monotonic() - began) * 1000
        if "after_ms" in step:
            timer.join()
        headers = answer.headers
        test.assertEqual(answer.status, expect.get("status", 200), answer.body)
        if "text" in expect:
            test.assertTrue(answer.body.decode().startswith(expect["text"]), answer.body)
        if answer.status != 200:
            return
        test.assertGreaterEqual(passed_ms, expect.get("at_least_ms", 0))
        test.assertLessEqual(passed_ms, expect.get("at_most_ms", 60_000))
        if "encoding" in expect:
            test.assertIn(headers.get("content-encoding"), expect["encoding"])
        body = gzip.decompress(answer.body) if headers.get("content-encoding") == "gzip" else answer.body
        spans = spans_of(body)
        numbers = sorted(number for number, _, _ in spans)
        if "spans" in expect:
            test.assertEqual(numbers, list(range(*expect["spans"])))
        if "numbers" in expect:
            test.assertEqual(numbers, expect["numbers"])
        if "begins" in expect:
            test.assertEqual(numbers[0], expect["begins"])
        if expect.get("empty") or expect.get("head"):
            test.assertEqual(answer.body, b"")
        kept = expect.get("kept", [])
        if expect.get("newest"):
            test.assertEqual(numbers[: len(kept)], kept)
            numbers = numbers[len(kept) :]
            test.assertEqual(numbers, list(range(numbers[0], self.recorded)))
            test.assertGreaterEqual(len(numbers), expect["at_least"])
        if expect.get("lost") == "counted":
            position = int(before.rsplit(".")[-1], 16)
            test.assertEqual(int(headers["sigyn-lost"]), numbers[0] - position - len(kept))
            test.assertGreater(int(headers["sigyn-lost"]), 0)
        elif "lost" in expect:
            test.assertEqual(headers["sigyn-lost"], expect["lost"])
        if "more" in expect:
            test.assertEqual(headers["sigyn-more"], expect["more"])
        if expect.get("cursor_same"):
            test.assertEqual(headers["sigyn-cursor"], before)
        if "truncated" in expect:
            test.assertEqual([number for number, _, cut in spans if cut], expect["truncated"])
        for scope, wanted in expect.get("scopes", {}).items():
            test.assertEqual([number for number, name, _ in spans if name == scope], wanted)
        for name, value in expect.get("headers", {}).items():
            test.assertEqual(headers[name], value)
        for name in expect.get("absent", ()):
            test.assertNotIn(name, headers)
        for name, value in expect.get("stats", {}).items():
            test.assertEqual(stats_of(headers)[name], value)
        self.cursor = headers.get("sigyn-cursor", self.cursor)
        if "save" in expect:
            self.cursors[expect["save"]] = self.cursor


class Vectors(unittest.TestCase):
    def test_protocol(self):
        data = vectors.load("protocol.json")
        for case in data["cases"]:
            with self.subTest(case["name"]):
                Scenario(self, case, data["capacity_bytes"]).run()

    def test_spans(self):
        for case in vectors.load("spans.json")["cases"]:
            with self.subTest(case["name"]):
                self.check(case, vectors.span_body(case))

    def test_opentracing(self):
        data = vectors.load("opentracing.json")
        for case in data["cases"]:
            with self.subTest(case["name"]):
                self.check(case, vectors.opentracing_body(case, data))

    def check(self, case, body):
        self.assertEqual(body.hex(), case["hex"])
        # That the bytes say what the decoded form says is OpenTelemetry's own word. NaN is not itself.
        self.assertEqual(json.dumps(vectors.decoded(body)), json.dumps(case["otlp"]))


class Propagation(unittest.TestCase):
    data = vectors.load("propagation.json")

    def check(self, context, expect):
        if expect is None:
            return self.assertIsNone(context)
        self.assertEqual(
            {
                "trace_id": f"{context.trace_id:032x}",
                "span_id": f"{context.span_id:016x}",
                "sampled": context.is_sampled,
                "baggage": context.baggage,
                "trace_state": context.trace_state,
            },
            expect,
        )

    def test_extract(self):
        for case in self.data["extract"]:
            for form in (opentracing.Format.HTTP_HEADERS, opentracing.Format.TEXT_MAP):
                with self.subTest(case["name"]):
                    self.check(Tracer("a").extract(form, case["headers"]), case["expect"])

    def test_inject(self):
        for case in self.data["inject"]:
            with self.subTest(case["name"]):
                tracer = Tracer("a", **({"propagation": case["formats"]} if "formats" in case else {}))
                carrier = {}
                context = tracer.extract(opentracing.Format.HTTP_HEADERS, case["from"])
                tracer.inject(context, opentracing.Format.HTTP_HEADERS, carrier)
                self.assertEqual(carrier, case["expect"])

    def test_binary(self):
        tracer, form = Tracer("a"), opentracing.Format.BINARY
        for case in self.data["binary"]:
            with self.subTest(case["name"]):
                context = tracer.extract(form, bytearray.fromhex(case["hex"]))
                self.check(context, case["expect"])
                carrier = bytearray()
                tracer.inject(context, form, carrier)
                self.assertEqual(carrier.hex(), case["hex"])
        for case in self.data["binary_broken"]:
            with self.subTest(case["name"]):
                self.assertIsNone(tracer.extract(form, bytearray.fromhex(case["hex"])))
