// Spans that were overwritten before they were read: what is said, and which calls are marked.

import { expect, test } from "vitest";
import type { Attribute } from "../../src/api/otlp.ts";
import { nanos } from "../../src/base/time.ts";
import { gapsNear, lossesOf, lossSentence } from "../../src/model/losses.ts";
import { buildTrace } from "../../src/model/trace.ts";
import { NOW, type SpanSketch, START, span } from "./sketch.ts";

const MILLI = 1e6;
const labels = { job: "apps", instance: "10.0.0.7:9464", pod: "payment-2" };
const gap = (millis: number, lost: number | null = 12) => ({
  labels,
  lost,
  from: START,
  to: nanos(START + BigInt(millis * MILLI)),
});
const text = (key: string, value: string): Attribute => ({ key, type: "string", text: value });
const call = (id: string, from: number, ...attributes: Attribute[]) => ({
  ...span({
    id,
    parent: "1",
    from: from * MILLI,
    to: (from + 50) * MILLI,
    kind: "client",
  } satisfies SpanSketch),
  attributes,
});

test("a loss is a sentence that says who, how many and when", () => {
  expect(lossSentence(gap(900))).toMatch(/^payment-2 lost 12 spans in this second \(.* to .*\)/);
  expect(lossSentence(gap(5000, 1))).toMatch(/^payment-2 lost 1 span between /);
  expect(lossSentence(gap(900, null))).toContain("unknown");
  expect(lossSentence({ ...gap(1), labels: {} })).toMatch(/^a target lost 12 spans/);
});

test("the calls that a target may have answered are marked, and no others", () => {
  const trace = buildTrace(
    [
      span({ id: "1", to: 5000 * MILLI }),
      call("2", 100, text("server.address", "payment")),
      call("3", 200, text("server.address", "10.0.0.7"), text("server.port", "9464")),
      call("4", 300, text("server.address", "redis")),
      // Answered, and after the loss.
      call("5", 400, text("server.address", "payment")),
      { ...span({ id: "6", parent: "5", from: 410 * MILLI, kind: "server" }) },
      call("7", 4000, text("server.address", "payment")),
    ],
    NOW,
  );
  const [loss] = lossesOf(trace, [gap(1000)]);
  expect(loss).toMatchObject({ from: 0, to: 1000 * MILLI, label: "payment-2 lost 12 spans" });
  expect(loss.calls.map((at) => trace.spans[at].spanId)).toEqual([
    "2".padStart(16, "0"),
    "3".padStart(16, "0"),
  ]);
});

test("what was lost days before is none of a trace that a wrong clock has spread over days", () => {
  const trace = buildTrace([span({ id: "1", to: 900 * MILLI })], NOW);
  const hour = 3_600_000;
  const before = {
    ...gap(0),
    from: nanos(START - 86_400_000_000_000n),
    to: nanos(START - 60_000_000_000n),
  };
  const after = { ...gap(hour), from: nanos(START + 60_000_000_000n) };
  const near = [gap(500), gap(hour)];
  const within = { from: 0, to: 900 * MILLI };
  expect(gapsNear(trace, [before, ...near, after], within)).toEqual(near);
});
