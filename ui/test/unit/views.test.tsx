// @vitest-environment happy-dom
// The states of a page: loading, empty, failed, and old data beside a new failure.

import { type ComponentChild, render } from "preact";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { traceId } from "../../src/base/ids.ts";
import { Resource } from "../../src/state/resource.ts";
import { traceRoute } from "../../src/state/url.ts";
import { ExemplarsPage } from "../../src/views/exemplars/exemplars-page.tsx";
import { loadTargets, TargetsPage, targets } from "../../src/views/targets/targets-page.tsx";
import { TracePage } from "../../src/views/trace/trace-page.tsx";

type Answer = (url: string) => Response | Promise<Response>;

let answer: Answer;

beforeEach(() => {
  document.body.innerHTML = '<div id="app"></div>';
  vi.stubGlobal("fetch", async (url: string) => answer(url));
});
afterEach(() => {
  render(null, app());
  vi.unstubAllGlobals();
});

const app = () => document.getElementById("app") as HTMLElement;
const show = (page: ComponentChild) => render(page, app());
const text = () => app().textContent ?? "";
const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });

/** Waits until the page says something. */
const says = (words: string) => vi.waitFor(() => expect(text()).toContain(words));

describe("targets", () => {
  const page = <TargetsPage filter="" health="" />;
  const active = [
    {
      scrapePool: "shop",
      scrapeUrl: "http://a:1/debug/spans",
      health: "up",
      labels: { job: "shop" },
    },
    {
      scrapePool: "shop",
      scrapeUrl: "http://b:1/debug/spans",
      health: "down",
      lastError: "refused",
    },
  ];

  test("load, then are listed, then are out of date", async () => {
    const waiting: ((response: Response) => void)[] = [];
    answer = () =>
      new Promise((resolve) => {
        waiting.push(resolve);
      });
    show(page);
    await says("Loading the targets");
    await vi.waitFor(() => expect(waiting.length).toBe(1));
    waiting[0](json({ data: { activeTargets: active } }));
    await says("1 / 2 up");
    expect(text()).toContain("refused");

    answer = () => json({ error: "the collector is stopping" }, 503);
    loadTargets();
    await says("The list is out of date");
    expect(text()).toContain("the collector is stopping");
    expect(text()).toContain("a:1/debug/spans");
  });

  test("none at all lead to discovery, none that match say so", async () => {
    answer = () => json({ data: { activeTargets: [] } });
    show(page);
    await says("Nothing to read from");
    targets.state.value = { ...targets.state.value, data: null };
    answer = () => json({ data: { activeTargets: active } });
    loadTargets();
    await says("1 / 2 up");
    show(<TargetsPage filter="nowhere" health="" />);
    await says("No target matches");
  });
});

describe("a trace", () => {
  const id = traceId("9f3c");
  if (!id) throw new Error("9f3c is an ID");

  test("that is not stored says why, in the server's words", async () => {
    answer = () => json({ error: "no span of the trace 9f3c is stored" }, 404);
    show(<TracePage route={traceRoute(id)} />);
    await says("No trace has this ID");
    expect(text()).toContain("no span of the trace 9f3c is stored");
  });

  test("that cannot be loaded can be asked for again", async () => {
    answer = () => json({ error: "a block could not be read" }, 500);
    show(<TracePage route={traceRoute(id)} />);
    await says("a block could not be read");
    expect(app().querySelector(".failure button")?.textContent).toBe("Try again");
  });

  test("without spans keeps its gaps in sight", async () => {
    answer = () => json({ traceId: "9f3c", gaps: [{ labels: { job: "a" }, lost: 3 }] });
    show(<TracePage route={traceRoute(id)} />);
    await says("No span of this trace is here");
    expect(text()).toContain("lost 3 spans");
  });
});

test("exemplars link to their trace and span", async () => {
  const dot = {
    seriesLabels: { __name__: "seconds_bucket", le: "0.5" },
    labels: { trace_id: "9f3c", span_id: "b7" },
    value: 0.43,
    timestamp: 1766400000,
    traceId: "9f3c",
    spanId: "b7",
  };
  answer = () => json({ dots: [dot] });
  show(<ExemplarsPage query="x" range={{ kind: "last", seconds: 60 }} />);
  await says("seconds_bucket");
  const link = app().querySelector("td a");
  expect(link?.getAttribute("href")).toBe(
    `/trace/${"9f3c".padStart(32, "0")}?span=${"b7".padStart(16, "0")}`,
  );
});

test("the newest request wins, however late the older answers", async () => {
  const resource = new Resource<string>();
  let slow: (value: string) => void = () => {};
  const first = resource.load("a", async () => {
    const value = await new Promise<string>((resolve) => (slow = resolve));
    return { ok: true, value };
  });
  await resource.load("b", async () => ({ ok: true, value: "new" }));
  slow("old");
  await first;
  expect(resource.state.value.data).toBe("new");
});

describe("a server that is away", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const away = { ok: false, failure: { sentence: "Sigyn does not answer", status: 0 } } as const;

  test("is asked again until it is back", async () => {
    const resource = new Resource<string>();
    const answers = [away, away, { ok: true, value: "back" } as const];
    const ask = vi.fn(async () => answers.shift() ?? away);
    await resource.load("a", ask);
    expect(resource.state.value.failure?.sentence).toBe("Sigyn does not answer");
    expect(resource.state.value.loading).toBe(false);
    await vi.advanceTimersByTimeAsync(5000);
    expect(ask).toHaveBeenCalledTimes(2);
    await vi.advanceTimersByTimeAsync(5000);
    expect(resource.state.value).toMatchObject({ data: "back", failure: null });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ask).toHaveBeenCalledTimes(3);
  });

  test("is not asked for what nobody wants any more, nor what it refused", async () => {
    const resource = new Resource<string>();
    const ask = vi.fn(async () => away);
    await resource.load("a", ask);
    resource.stop();
    const refused = { ok: false, failure: { sentence: "no such field", status: 400 } } as const;
    const askRefused = vi.fn(async () => refused);
    await resource.load("b", askRefused);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ask).toHaveBeenCalledTimes(1);
    expect(askRefused).toHaveBeenCalledTimes(1);
  });

  test("is told from one that is merely slow", async () => {
    answer = () => new Promise(() => {});
    show(
      <TracePage route={traceRoute(traceId("9f3c") as NonNullable<ReturnType<typeof traceId>>)} />,
    );
    await vi.advanceTimersByTimeAsync(7000);
    expect(text()).not.toContain("No answer yet");
    await vi.advanceTimersByTimeAsync(2000);
    expect(text()).toContain("No answer yet");
  });
});
