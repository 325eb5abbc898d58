import { expect, test } from "vitest";
import type { ActiveTarget, Health } from "../../src/api/targets.ts";
import { seriesName } from "../../src/model/series.ts";
import { groupTargets } from "../../src/model/target-filter.ts";

function target(pool: string, url: string, health: Health, labels = {}): ActiveTarget {
  return {
    discoveredLabels: {},
    labels: { job: pool, ...labels },
    pool,
    url,
    lastError: health === "down" ? "connection refused" : "",
    lastReadMillis: null,
    lastReadSeconds: 0,
    health,
    interval: "5s",
    buffer: null,
  };
}

const all = [
  target("shop", "http://b", "up", { pod: "b-1" }),
  target("shop", "http://c", "down"),
  target("shop", "http://a", "up"),
  target("edge", "http://z", "unknown"),
];
const urls = (filter: string, health: Health | "" = "") =>
  groupTargets(all, filter, health).map((group) => [
    group.pool,
    ...group.targets.map((one) => one.url),
  ]);

test("jobs are sorted, and what is down stands first", () => {
  expect(urls("")).toEqual([
    ["edge", "http://z"],
    ["shop", "http://c", "http://a", "http://b"],
  ]);
  expect(groupTargets(all, "", "")[1].upCount).toBe(2);
});

test("filters look into labels, addresses and errors; every word counts", () => {
  expect(urls("pod=b")).toEqual([["shop", "http://b"]]);
  expect(urls("REFUSED shop")).toEqual([["shop", "http://c"]]);
  expect(urls("refused edge")).toEqual([]);
  expect(urls("", "unknown")).toEqual([["edge", "http://z"]]);
});

test("series are written as Prometheus writes them", () => {
  expect(seriesName({ __name__: "m", le: "0.5", job: 'a"b' })).toBe('m{job="a\\"b",le="0.5"}');
  expect(seriesName({ __name__: "m" })).toBe("m");
  expect(seriesName({})).toBe("{}");
});
