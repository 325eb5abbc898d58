"""Writes the expected answers (`hex`, and `otlp`, decoded by OpenTelemetry's own classes) into spans.json and
opentracing.json, from the Python buffer. Run it after adding a case, and read the diff: it is the review."""

import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "python"), str(Path(__file__).parents[1] / "python/tests")]

import vectors  # noqa: E402

for name, run in (("spans.json", vectors.span_body), ("opentracing.json", vectors.opentracing_body)):
    path = Path(__file__).parent / name
    data = json.loads(path.read_text())
    for case in data["cases"]:
        body = run(case, data)
        case["otlp"] = vectors.decoded(body)
        case["hex"] = body.hex()
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
