// Pages of found traces, as the server gives them: each goes on where the one before ended.

import { afterEach, expect, test, vi } from "vitest";
import { Search } from "../../src/state/search.ts";
import type { SearchRoute } from "../../src/state/url.ts";

const route: SearchRoute = {
  page: "search",
  query: "{ }",
  range: { kind: "last", seconds: 3600 },
  limit: 2,
  isSlowest: false,
  live: false,
};

/** A server that has these traces, the newest first, each started as many nanoseconds after the epoch. */
function serve(starts: () => readonly number[]) {
  const asked: URLSearchParams[] = [];
  vi.stubGlobal("fetch", async (path: string) => {
    const parameters = new URL(path, "http://sigyn").searchParams;
    asked.push(parameters);
    const after = parameters.get("after");
    const left = starts().filter((start) => after === null || start < Number(after));
    const traces = left.slice(0, route.limit).map((start) => ({
      traceId: start.toString(16),
      rootServiceName: "kiosk",
      startUnixNano: String(start),
      durationNanos: 1,
    }));
    const last = traces.at(-1)?.startUnixNano;
    const next = traces.length < route.limit ? null : last;
    return new Response(JSON.stringify({ traces, next, partial: null }));
  });
  return asked;
}

function shown(search: Search) {
  const { traces, isWhole } = search.state.peek();
  return [traces?.map((trace) => Number(trace.start)), isWhole];
}

afterEach(() => void vi.unstubAllGlobals());

test("the next page is asked for with the key of the last", async () => {
  const asked = serve(() => [9, 8, 7, 6, 5]);
  const search = new Search();
  await search.load(route);
  expect(shown(search)).toEqual([[9, 8], false]);
  await search.more(route);
  expect(shown(search)).toEqual([[9, 8, 7, 6], false]);
  await search.more(route);
  expect(shown(search)).toEqual([[9, 8, 7, 6, 5], true]);
  await search.more(route);
  expect(asked.map((parameters) => parameters.get("after"))).toEqual([null, "8", "6"]);
});

test("what is new joins what is there, and the pages go on where they were", async () => {
  let starts = [9, 8, 7, 6, 5];
  const asked = serve(() => starts);
  const search = new Search();
  await search.load(route);
  await search.more(route);
  starts = [10, ...starts];
  await search.load(route);
  expect(shown(search)).toEqual([[10, 9, 8, 7, 6], false]);
  await search.more(route);
  expect(shown(search)).toEqual([[10, 9, 8, 7, 6, 5], true]);
  expect(asked.at(-1)?.get("after")).toBe("6");
});

test("where more is new than a page holds, the pages fill the gap", async () => {
  let starts = [9, 8, 7];
  serve(() => starts);
  const search = new Search();
  await search.load(route);
  starts = [14, 13, 12, 11, ...starts];
  await search.load(route);
  expect(shown(search)).toEqual([[14, 13, 9, 8], false]);
  await search.more(route);
  expect(shown(search)).toEqual([[14, 13, 12, 11, 9, 8], false]);
  await search.more(route);
  await search.more(route);
  expect(shown(search)).toEqual([[14, 13, 12, 11, 9, 8, 7], true]);
});
