import subprocess
import sys
import time
import unittest
import urllib.request
from pathlib import Path

from reading import free_ports, spans_of


class Prefork(unittest.TestCase):
    def test_every_worker_is_a_target(self):
        first = free_ports(40)
        code = f"import gunicorn_app; gunicorn_app.serve({first}); from gunicorn_app import app"
        arguments = [sys.executable, "-c", f"{code}; from gunicorn.app.wsgiapp import run; run()"]
        arguments += ["--workers=2", "--preload", f"--bind=127.0.0.1:{first + 30}", "--log-level=error"]
        arguments += ["--no-control-socket", "gunicorn_app:app"]
        process = subprocess.Popen(arguments, cwd=Path(__file__).parent)
        try:
            answered = self.ask_all(first + 30)
            spans = 0
            for port in answered:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/debug/spans") as response:
                    spans += len(spans_of(response.read()))
            self.assertEqual(spans, sum(answered.values()))
            self.assertNotIn(first, answered, "the first port is the parent's, which answers no request")
        finally:
            process.terminate()
            process.wait(10)

    def ask_all(self, port):
        """How often each worker answered, until both have."""
        answered, deadline = {}, time.monotonic() + 20
        while len(answered) < 2 and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as response:
                    worker = int(response.read())
                answered[worker] = answered.get(worker, 0) + 1
            except OSError:
                time.sleep(0.05)
        self.assertEqual(len(answered), 2)
        return answered
