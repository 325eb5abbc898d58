import { describe, expect, test } from "vitest";
import { find } from "../../src/model/find.ts";
import { buildTrace } from "../../src/model/trace.ts";
import { type OtlpSpan, received } from "./received.ts";
import { NOW, START } from "./sketch.ts";

const text = (key: string, value: string) => ({ key, value: { stringValue: value } });
const span = (id: string, parent: string, service: string, more: OtlpSpan, millis: number) =>
  received([
    {
      service,
      spans: [
        {
          spanId: id,
          parentSpanId: parent,
          startTimeUnixNano: String(START),
          endTimeUnixNano: String(START + BigInt(millis * 1e6)),
          ...more,
        },
      ],
    },
  ])[0];

//  0 shop: checkout
//  1   shop: pay          (client)
//  2     bank: charge     (server, failed)
//  3   shop: GET /cart
const trace = buildTrace(
  [
    span("1", "", "shop", { name: "checkout", kind: 2 }, 400),
    span("2", "1", "shop", { name: "pay", kind: 3, attributes: [text("peer", "bank")] }, 300),
    span(
      "3",
      "2",
      "bank",
      {
        name: "charge",
        kind: 2,
        status: { code: 2, message: "declined" },
        attributes: [
          { key: "http.status_code", value: { intValue: "503" } },
          { key: "tags", value: { arrayValue: { values: [{ stringValue: "vip" }] } } },
          { key: "retry", value: { boolValue: true } },
        ],
        events: [{ name: "exception", attributes: [text("exception.type", "Declined")] }],
      },
      200,
    ),
    span("4", "1", "shop", { name: "GET /cart", kind: 3 }, 20),
  ],
  NOW,
);

function check(query: string, expected: readonly number[]): void {
  const { spans, fault } = find(trace, query);
  expect(fault).toBeNull();
  expect([...spans], query).toEqual(expected);
}

describe("find in trace speaks TraceQL", () => {
  test("filters", () => {
    check("{ }", [0, 1, 2, 3]);
    check("{ true }", [0, 1, 2, 3]);
    check('{ name = "pay" }', [1]);
    check('{ name =~ "GET .*" }', [3]);
    check('{ name =~ "GET" }', []);
    check("{ status = error }", [2]);
    check("{ span:duration >= 300ms }", [0, 1]);
    check("{ kind = client && duration < 100ms }", [3]);
    check('{ resource.service.name != "shop" }', [2]);
    check("{ .http.status_code >= 500 || name = `pay` }", [1, 2]);
    check("{ !(status = error) }", [0, 1, 3]);
    check("{ span.retry }", [2]);
    check('{ span.tags = "vip" }', [2]);
    check('{ span.tags != "vip" }', []);
    check("{ span.peer != nil }", [1]);
    check("{ span.peer = nil }", [0, 2, 3]);
    check('{ event:name = "exception" && event.exception.type = "Declined" }', [2]);
    check('{ statusMessage = "declined" }', [2]);
    check("{ childCount > 1 }", [0]);
  });

  test("relations between filters", () => {
    check('{ name = "checkout" } >> { status = error }', [2]);
    check('{ name = "checkout" } > { status = error }', []);
    check("{ status = error } << { kind = server }", [0]);
    check("{ status = error } < { }", [1]);
    check('{ name = "pay" } ~ { }', [3]);
    check('{ name = "pay" } !~ { kind = client }', [1]);
    check('{ name = "pay" } &> { status = error }', [1, 2]);
    check("{ kind = server } !>> { }", [0]);
    check('{ name = "pay" } && { status = error }', [1, 2]);
    check('{ name = "nobody" } && { status = error }', []);
    check('{ name = "nobody" } || { status = error }', [2]);
    check('({ name = "checkout" } > { name = "pay" }) > { }', [2]);
  });

  test("faults have a place and a sentence", () => {
    const faultOf = (query: string) => {
      const { fault } = find(trace, query);
      return fault && [fault.at, fault.message];
    };
    expect(faultOf('{ name = "x')).toEqual([9, "A quote is not closed."]);
    expect(faultOf("{ name = }")?.[0]).toBe(9);
    expect(faultOf("{ name = nobody }")?.[1]).toContain("quote it");
    expect(faultOf("{ nosuch = 1 }")?.[1]).toContain("no field");
    expect(faultOf("{ duration > 5xs }")?.[1]).toContain("duration");
    expect(faultOf('{ name =~ "(" }')?.[1]).toContain("regular expression");
    expect(faultOf("{ } | count() > 2")?.[1]).toContain("pipelines");
    expect(faultOf("{ status = error")?.[1]).toContain("}");
    expect(faultOf(`{ ${"(".repeat(100)}`)?.[1]).toContain("brackets");
  });

  test("other text is looked for anywhere", () => {
    expect([...find(trace, "declined").spans]).toEqual([2]);
  });
});
