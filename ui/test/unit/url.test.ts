import { describe, expect, test } from "vitest";
import {
  emptySearch,
  formatRoute,
  parseRoute,
  type Route,
  traceRoute,
} from "../../src/state/url.ts";

function read(address: string): Route {
  const { pathname, search } = new URL(address, "http://sigyn");
  return parseRoute(pathname, search);
}

describe("addresses", () => {
  test.each([
    "/search",
    "/search?q=%7B+name+%3D+%22a+%26+b%22+%7D&range=15m&limit=20&live=1",
    "/search?range=1700000000,1700000060",
    `/trace/${"ab".repeat(16)}`,
    `/trace/${"ab".repeat(16)}?span=00000000000000b7&collapsed=00000000000000b7,n3&view=100-2000&find=x`,
    "/services?service=shop",
    "/targets?q=job%3Dpods&health=down",
    "/service-discovery?q=x",
    "/exemplars?q=m&range=6h",
  ])("%s survives reading and writing", (address) => {
    expect(formatRoute(read(address))).toBe(address);
  });

  test("the root is the search", () => {
    expect(read("/")).toEqual(emptySearch());
    expect(read("/search/")).toEqual(emptySearch());
  });

  test("IDs are taken in any spelling", () => {
    expect(read("/trace/ABC?span=B7")).toEqual({
      ...traceRoute("abc".padStart(32, "0") as never),
      span: "00000000000000b7",
    });
  });

  test("nonsense falls back to the neutral", () => {
    expect(read("/search?limit=-5&range=x&live=yes")).toEqual(emptySearch());
    expect(read("/search?limit=999999")).toMatchObject({ limit: 1000 });
    expect(read("/targets?health=ill")).toMatchObject({ health: "" });
    expect(read(`/trace/ab?view=9-1&span=zz`)).toMatchObject({ view: null, span: null });
  });

  test.each(["/no/such", "/trace/", "/trace/xyz", `/trace/${"1".repeat(33)}`])(
    "%s is no page",
    (path) => {
      expect(read(path)).toEqual({ page: "not-found", path });
    },
  );
});
