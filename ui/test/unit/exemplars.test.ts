// Exemplars: what their values mean, which are drawn, and the links that lead on from them.

import { describe, expect, test } from "vitest";
import { parseExemplars } from "../../src/api/exemplars.ts";
import { parseSpanHeat, stepMillis } from "../../src/api/heat.ts";
import { parseLinks } from "../../src/api/status.ts";
import { crowdedFrom, heatOf } from "../../src/base/heat.ts";
import { commonLabels, commonUnit, formatValue, thinned } from "../../src/model/exemplars.ts";
import { fillTemplate, PRESETS, seriesFields, spanFields } from "../../src/model/link-template.ts";
import { seriesQuery } from "../../src/model/series.ts";
import { roundValues } from "../../src/render/plot-frame.ts";
import { span } from "./sketch.ts";

const BUCKET = { __name__: "http_seconds_bucket", job: "shop", le: "0.1", path: '/a"b' };

describe("an answer", () => {
  test("has all exemplars as a grid, the newest as dots, and metrics by count", () => {
    const found = parseExemplars({
      exemplars: 3,
      stepNanos: 1e9,
      timesUnixMilli: [1000, 2000],
      rows: [
        { valueMax: 0.25, counts: [0, 1] },
        { valueMax: 0.5, counts: [2, 0] },
      ],
      dots: [],
      metrics: { few: 1, many: 2 },
    });
    expect(found.count).toBe(3);
    expect(found.heat).toMatchObject({ fromMillis: 0, toMillis: 2000, bounds: [0.25, 0.5] });
    expect([...found.heat.counts]).toEqual([0, 1, 2, 0]);
    expect(found.metrics.map(({ name }) => name)).toEqual(["many", "few"]);
  });

  test("of a heat map names spans, and which of them are exemplars", () => {
    const { spans } = parseSpanHeat({
      exemplars: [
        { traceId: "ab", spanId: "1", timeUnixMilli: 5, durationNanos: 7, isExemplar: true },
        { traceId: "no ID" },
      ],
    });
    expect(spans).toMatchObject([{ atMillis: 5, durationNanos: 7, isExemplar: true }]);
  });

  test("has the share of exemplars that lead to a trace, or none", () => {
    expect(parseExemplars({ hitRatio: 0.998 }).hitRatio).toBe(0.998);
    expect(parseExemplars({ hitRatio: null }).hitRatio).toBeNull();
  });

  test("of a heat map is asked for in round columns, also below a second", () => {
    const step = (seconds: number) =>
      stepMillis({ query: "", startSeconds: 0, endSeconds: seconds, columns: 120 });
    expect([1, 8, 30, 60, 120, 3600].map(step)).toEqual([50, 100, 250, 500, 1000, 30_000]);
  });
});

describe("values", () => {
  test("are written in the unit that the metric's name ends with", () => {
    const written = (name: string) => formatValue(0.0025, commonUnit([name]));
    expect(written("http_request_duration_seconds_bucket")).toBe("2.5 ms");
    expect(written("queue_length")).toBe("0.0025");
    expect(formatValue(2048, commonUnit(["body_size_bytes_sum"]))).toBe("2.0 KiB");
    expect(commonUnit(["a_seconds", "b_bytes"])).toBe("number");
  });

  test("that all series have alike are said once", () => {
    expect(commonLabels([BUCKET, { ...BUCKET, le: "0.2" }])).toEqual({
      __name__: "http_seconds_bucket",
      job: "shop",
      path: '/a"b',
    });
    expect(commonLabels([BUCKET])).toEqual({});
  });

  test("beside the picture are round", () => {
    const heat = heatOf(
      [
        { atMillis: 1, bound: 2 ** 10, count: 1 },
        { atMillis: 1, bound: 2 ** 30, count: 1 },
      ],
      0,
      1,
      1,
    );
    expect(roundValues(heat.bounds[0] / 2, heat.bounds.at(-1) ?? 0, 160)).toEqual([
      1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
    ]);
  });
});

describe("dots", () => {
  const heat = heatOf(
    [
      { atMillis: 1000, bound: 1, count: 9 },
      { atMillis: 1000, bound: 1024, count: 9 },
    ],
    0,
    1000,
    100,
  );
  const mark = (atMillis: number, value: number) => ({ atMillis, value });

  test("stand apart; the first of those that would lie on each other is drawn", () => {
    const marks = [mark(500, 10), mark(501, 10.1), mark(501, 900), mark(900, 10), mark(2000, 10)];
    expect(thinned(marks, heat, (one) => one)).toEqual([marks[0], marks[2], marks[3]]);
  });

  test("a picture whose counts crowd at its end is looked at from there", () => {
    expect(crowdedFrom(heat)).toBe(900);
    const spread = heatOf([{ atMillis: 50, bound: 1, count: 1 }], 0, 1000, 100);
    expect(crowdedFrom(spread)).toBeNull();
  });
});

describe("links", () => {
  test("of a series draw what it says", () => {
    expect(seriesQuery(BUCKET)).toBe(
      'histogram_quantile(0.99, sum by (le) (rate(http_seconds{job="shop",path="/a\\"b"}[5m])))'.replace(
        "http_seconds{",
        "http_seconds_bucket{",
      ),
    );
    expect(seriesQuery({ __name__: "orders_total" })).toBe("rate(orders_total[5m])");
    expect(seriesQuery({ __name__: "up", job: "x" })).toBe('up{job="x"}');
  });

  test("of the presets are whole addresses, and Grafana's holds JSON", () => {
    const fields = seriesFields(BUCKET, Date.UTC(2026, 10, 22, 12));
    for (const preset of PRESETS.filter((one) => one.of === "series")) {
      const url = new URL(fillTemplate(preset.url, fields) ?? "");
      if (preset.name !== "Grafana") continue;
      const panes = JSON.parse(url.searchParams.get("panes") ?? "");
      expect(panes.sigyn.queries[0]).toEqual({
        refId: "A",
        expr: seriesQuery(BUCKET),
        exemplar: true,
      });
    }
    const prometheus = PRESETS[0].url;
    expect(new URL(fillTemplate(prometheus, fields) ?? "").searchParams.get("g0.end_input")).toBe(
      "2026-11-22 12:15:00",
    );
  });

  test("of a span are whole, or there is none", () => {
    const fields = spanFields(span({ id: "a", service: "shop", name: "GET /" }), "1f");
    const loki = PRESETS.find((one) => one.of === "span");
    const panes = new URL(fillTemplate(loki?.url ?? "", fields) ?? "").searchParams.get("panes");
    expect(JSON.parse(panes ?? "").sigyn.queries[0].expr).toBe('{service_name="shop"} |= "1f"');
    expect(fillTemplate("https://logs/?{no.such}", fields)).toBeNull();
    expect(fillTemplate("javascript:{traceId}", fields)).toBeNull();
  });

  test("that the server gives are read, those without an address are not", () => {
    const links = [
      { name: "Grafana", of: "series", url: "https://g/?{query}" },
      { name: "bad", url: "javascript:1" },
      { url: "https://logs/{traceId}" },
    ];
    expect(parseLinks({ data: { links } })).toEqual([
      links[0],
      { name: "https://logs/{traceId}", of: "span", url: "https://logs/{traceId}" },
    ]);
    expect(parseLinks({ data: { threads: "2" } })).toEqual([]);
  });
});
