import asyncio
import contextvars
import threading
import unittest
from unittest import mock

import flask
import flask_opentracing
from opentracing.harness.api_check import APICompatibilityCheckMixin
from opentracing.harness.scope_check import ScopeCompatibilityCheckMixin
from vectors import decoded

import sigyn_buffer
from sigyn_buffer.opentracing import Tracer


def finished(tracer):
    body = tracer.buffer.answer("GET", "").body
    return [span for group in decoded(body)["resourceSpans"][0]["scopeSpans"] for span in group["spans"]]


class Isolated(unittest.TestCase):
    """The checks leave scopes open; each gets a context of its own."""

    def run(self, result=None):
        return contextvars.Context().run(super().run, result)


class Api(APICompatibilityCheckMixin, Isolated):
    """The OpenTracing project's own checks."""

    def tracer(self):
        return Tracer("api")

    def check_baggage_values(self):
        return True

    def check_scope_manager(self):
        return True

    def is_parent(self, parent, span):
        return (span.parent and span.parent.span_id) == (parent and parent.context.span_id)


class Scopes(ScopeCompatibilityCheckMixin, Isolated):
    def scope_manager(self):
        return Tracer("scopes").scope_manager


class Spans(unittest.TestCase):
    def test_children_across_tasks_and_threads(self):
        tracer = Tracer("a")

        async def child(name):
            await asyncio.sleep(0)
            with tracer.start_active_span(name):
                await asyncio.sleep(0)

        async def main():
            with tracer.start_active_span("root"):
                await asyncio.gather(child("a"), child("b"))

        asyncio.run(main())
        spans = {span["name"]: span for span in finished(tracer)}
        self.assertEqual(spans["a"]["parentSpanId"], spans["root"]["spanId"])
        self.assertEqual(spans["b"]["parentSpanId"], spans["root"]["spanId"])
        thread = threading.Thread(target=lambda: self.assertIsNone(tracer.active_span))
        thread.start()
        thread.join()

    def test_an_exception_is_logged_and_marks_the_span(self):
        tracer = Tracer("a")
        with self.assertRaises(KeyError), tracer.start_active_span("a"):
            raise KeyError("no such cart")
        (span,) = finished(tracer)
        self.assertEqual(span["status"]["code"], "STATUS_CODE_ERROR")
        attributes = {item["key"]: item["value"]["stringValue"] for item in span["events"][0]["attributes"]}
        self.assertEqual(span["events"][0]["name"], "exception")
        self.assertIn("no such cart", attributes["exception.message"])

    def test_baggage_goes_to_children(self):
        tracer = Tracer("a")
        root = tracer.start_span("root").set_baggage_item("user", "7")
        self.assertEqual(tracer.start_span("child", child_of=root).get_baggage_item("user"), "7")

    def test_a_span_ends_once(self):
        tracer = Tracer("a")
        span = tracer.start_span("a")
        span.finish()
        span.finish()
        self.assertEqual(len(finished(tracer)), 1)

    def test_a_tag_of_any_kind_is_taken(self):
        tracer = Tracer("a", tags={"version": 2})
        with tracer.start_span("a", tags={"x": object(), "y": None, "z": {"k": [1, 2]}}):
            pass
        self.assertEqual(len(finished(tracer)), 1)

    def test_the_active_span_is_the_exemplar(self):
        tracer = Tracer("a")
        with mock.patch("opentracing.tracer", tracer), tracer.start_active_span("a") as scope:
            self.assertEqual(sigyn_buffer.exemplar()["span_id"], f"{scope.span.context.span_id:016x}")


class OldInstrumentation(unittest.TestCase):
    def test_flask_opentracing_works_unmodified(self):
        tracer = Tracer("shop")
        app = flask.Flask("shop")
        flask_opentracing.FlaskTracing(tracer, True, app, ["url", "method"])

        @app.route("/cart/<number>")
        def cart(number):
            with tracer.start_active_span("query"):
                return tracer.active_span.get_baggage_item("user") or "-"

        parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        headers = {"Traceparent": parent, "Baggage": "user=7"}
        self.assertEqual(app.test_client().get("/cart/1", headers=headers).text, "7")
        spans = {span["name"]: span for span in finished(tracer)}
        self.assertEqual(spans["cart"]["kind"], "SPAN_KIND_SERVER")
        self.assertEqual(spans["cart"]["traceId"], parent[3:35])
        self.assertEqual(spans["cart"]["parentSpanId"], parent[36:52])
        self.assertEqual(spans["query"]["parentSpanId"], spans["cart"]["spanId"])
