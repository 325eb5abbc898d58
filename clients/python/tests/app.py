"""A service under load for the rolling restarts (clients/rolling)."""

import json
import signal
import sys
import threading
import time

from opentelemetry.sdk.trace import TracerProvider

import sigyn_buffer

ending = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ending.set())

buffer = sigyn_buffer.SpanBuffer()
provider = TracerProvider()
provider.add_span_processor(buffer.processor())
sigyn_buffer.serve(buffer, "127.0.0.1", int(sys.argv[1]))
tracer = provider.get_tracer("rolling")


def work() -> None:
    while not ending.is_set():
        with tracer.start_as_current_span("request"):
            for _ in range(4):
                tracer.start_span("query").end()
        time.sleep(0.003)


workers = [threading.Thread(target=work) for _ in range(2)]
for worker in workers:
    worker.start()
ending.wait()
for worker in workers:
    worker.join()
state = buffer.drain()
print(json.dumps({"recorded": buffer.stats()["recorded"], "drain": state.value}))
