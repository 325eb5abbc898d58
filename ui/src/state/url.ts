// The URL is the state: what a person sees can be sent to another as a link. This file maps pages
// to addresses and back, and knows nothing of the browser.

import type { Health } from "../api/targets.ts";
import { spanId, type TraceId, traceId } from "../base/ids.ts";
import { parseDuration } from "../base/time.ts";
import type { TimeSpan } from "../base/timescale.ts";
import { type CollapseRule, formatRule, NO_RULE, parseRule } from "../model/collapse.ts";
import type { Lines } from "../model/service-map.ts";
import { DEFAULT_RANGE, formatRange, parseRange, type TimeRange } from "../model/time-range.ts";

export interface SearchRoute {
  readonly page: "search";
  readonly query: string;
  readonly range: TimeRange;
  readonly limit: number;
  /** Longest first instead of newest first. */
  readonly isSlowest: boolean;
  /** Asks again every few seconds. */
  readonly live: boolean;
}

export const TRACE_SHOWS = ["waterfall", "flame", "lanes", "table", "path"] as const;
export type TraceShow = (typeof TRACE_SHOWS)[number];

export interface TraceRoute {
  readonly page: "trace";
  readonly traceId: TraceId;
  /** The selected span, as model/span-key.ts names it; null for none. */
  readonly span: string | null;
  /** Which spans are closed, and the spans for which it is the other way round. */
  readonly rule: CollapseRule;
  readonly collapsed: readonly string[];
  /** Whether repeated siblings are folded, and the repeats that are open all the same. */
  readonly isFolding: boolean;
  readonly unfolded: readonly string[];
  /** Shorter spans are left out; nanoseconds, 0 for none. */
  readonly durationMinNanos: number;
  /** The span that is looked at as if it were the whole trace; null for all. */
  readonly root: string | null;
  readonly show: TraceShow;
  /** Clocks are corrected. */
  readonly isCorrected: boolean;
  /** What the waterfall shows, in nanoseconds from the trace's start; null for all. */
  readonly view: TimeSpan | null;
  readonly find: string;
}

export interface ServicesRoute {
  readonly page: "services";
  /** The service whose detail is open; empty for none. */
  readonly service: string;
  readonly isMap: boolean;
  /** What the lines of the map are drawn by. */
  readonly lines: Lines;
  /** How many calls from the service the map reaches; 0: all of it. */
  readonly near: number;
  readonly range: TimeRange;
}

/** Two sides: each a trace ID, or a query that finds a set of traces. */
export interface CompareRoute {
  readonly page: "compare";
  readonly a: string;
  readonly b: string;
  readonly range: TimeRange;
}

export type Route =
  | SearchRoute
  | TraceRoute
  | ServicesRoute
  | CompareRoute
  | { readonly page: "targets"; readonly filter: string; readonly health: Health | "" }
  | { readonly page: "service-discovery"; readonly filter: string }
  | { readonly page: "notebooks" }
  | { readonly page: "notebook"; readonly id: string }
  | { readonly page: "status" }
  | { readonly page: "exemplars"; readonly query: string; readonly range: TimeRange }
  | { readonly page: "not-found"; readonly path: string };

/** Stands in the address of a notebook that nobody saved yet. */
export const NEW_NOTEBOOK = "new";
export const NEAR_MAX = 3;
const LINES: readonly Lines[] = ["calls", "errors", "latency"];
export const DEFAULT_LIMIT = 100;
const LIMIT_MAX = 1000;
/** More collapsed spans than this would make a link that mail programs break. */
const COLLAPSED_MAX = 60;
/** All series: a selector must name something, and every series has a name. */
export const ALL_SERIES = '{__name__=~".+"}';

export function emptySearch(query = ""): SearchRoute {
  return {
    page: "search",
    query,
    range: DEFAULT_RANGE,
    limit: DEFAULT_LIMIT,
    isSlowest: false,
    live: false,
  };
}

export function traceRoute(id: TraceId, span: string | null = null): TraceRoute {
  return {
    page: "trace",
    traceId: id,
    span,
    rule: NO_RULE,
    collapsed: [],
    isFolding: true,
    unfolded: [],
    durationMinNanos: 0,
    root: null,
    show: "waterfall",
    isCorrected: false,
    view: null,
    find: "",
  };
}

export function notebookRoute(id: string): Route {
  return { page: "notebook", id };
}

export function compareRoute(a = "", b = ""): CompareRoute {
  return { page: "compare", a, b, range: DEFAULT_RANGE };
}

export function parseRoute(pathname: string, search: string): Route {
  const parameters = new URLSearchParams(search);
  const text = (key: string) => parameters.get(key) ?? "";
  const path = pathname.replace(/\/+$/, "") || "/";
  const range = parseRange(text("range")) ?? DEFAULT_RANGE;
  switch (path) {
    case "/":
    case "/search":
      return {
        page: "search",
        query: text("q"),
        range,
        limit: limitOf(text("limit")),
        isSlowest: text("sort") === "slowest",
        live: text("live") === "1",
      };
    case "/services":
      return {
        page: "services",
        service: text("service"),
        isMap: text("show") === "map",
        lines: LINES.find((lines) => lines === text("lines")) ?? LINES[0],
        near: Math.min(NEAR_MAX, Number.parseInt(text("near"), 10) || 0),
        range,
      };
    case "/compare":
      return { page: "compare", a: text("a"), b: text("b"), range };
    case "/targets":
      return { page: "targets", filter: text("q"), health: healthOf(text("health")) };
    case "/service-discovery":
      return { page: "service-discovery", filter: text("q") };
    case "/notebooks":
      return { page: "notebooks" };
    case "/status":
      return { page: "status" };
    case "/exemplars":
      return { page: "exemplars", query: text("q") || ALL_SERIES, range };
  }
  const notebook = /^\/notebooks\/([a-z0-9-]{1,64})$/.exec(path);
  if (notebook) return notebookRoute(notebook[1]);
  const id = /^\/trace\/([^/]+)$/.exec(path);
  const parsed = id && traceId(id[1]);
  if (!parsed) return { page: "not-found", path: pathname };
  return {
    page: "trace",
    traceId: parsed,
    span: spanKeyOf(text("span")),
    rule: parseRule(text("collapse")),
    collapsed: keysOf(text("collapsed")),
    isFolding: text("fold") !== "0",
    unfolded: keysOf(text("unfold")),
    durationMinNanos: parseDuration(text("shorter")) ?? 0,
    root: spanKeyOf(text("root")),
    show: TRACE_SHOWS.find((show) => show === text("show")) ?? "waterfall",
    isCorrected: text("skew") === "1",
    view: viewOf(text("view")),
    find: text("find"),
  };
}

export function formatRoute(route: Route): string {
  switch (route.page) {
    case "search":
      return address("/search", {
        q: route.query,
        range: rangeText(route.range),
        limit: route.limit === DEFAULT_LIMIT ? "" : String(route.limit),
        sort: route.isSlowest ? "slowest" : "",
        live: route.live ? "1" : "",
      });
    case "trace":
      return address(`/trace/${route.traceId}`, {
        span: route.span ?? "",
        show: route.show === "waterfall" ? "" : route.show,
        root: route.root ?? "",
        collapse: formatRule(route.rule),
        collapsed: route.collapsed.slice(0, COLLAPSED_MAX).join(","),
        fold: route.isFolding ? "" : "0",
        unfold: route.unfolded.slice(0, COLLAPSED_MAX).join(","),
        shorter: route.durationMinNanos > 0 ? `${Math.round(route.durationMinNanos)}ns` : "",
        skew: route.isCorrected ? "1" : "",
        view: route.view ? `${Math.round(route.view.from)}-${Math.round(route.view.to)}` : "",
        find: route.find,
      });
    case "services":
      return address("/services", {
        service: route.service,
        show: route.isMap ? "map" : "",
        lines: route.lines === LINES[0] ? "" : route.lines,
        near: route.near > 0 ? String(route.near) : "",
        range: rangeText(route.range),
      });
    case "compare":
      return address("/compare", { a: route.a, b: route.b, range: rangeText(route.range) });
    case "targets":
      return address("/targets", { q: route.filter, health: route.health });
    case "service-discovery":
      return address("/service-discovery", { q: route.filter });
    case "exemplars":
      return address("/exemplars", {
        q: route.query === ALL_SERIES ? "" : route.query,
        range: rangeText(route.range),
      });
    case "notebooks":
    case "status":
      return `/${route.page}`;
    case "notebook":
      return `/notebooks/${route.id}`;
    case "not-found":
      return route.path;
  }
}

function address(path: string, parameters: Readonly<Record<string, string>>): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) if (value !== "") search.set(key, value);
  const text = search.toString().replace(/%2C/g, ",");
  return text === "" ? path : `${path}?${text}`;
}

function keysOf(text: string): readonly string[] {
  return text.split(",").filter(Boolean).slice(0, COLLAPSED_MAX);
}

function spanKeyOf(text: string): string | null {
  return /^n\d{1,7}$/.test(text) ? text : spanId(text);
}

function rangeText(range: TimeRange): string {
  const text = formatRange(range);
  return text === formatRange(DEFAULT_RANGE) ? "" : text;
}

function limitOf(text: string): number {
  const limit = Number.parseInt(text, 10);
  return limit > 0 ? Math.min(limit, LIMIT_MAX) : DEFAULT_LIMIT;
}

function healthOf(text: string): Health | "" {
  return text === "up" || text === "down" || text === "unknown" ? text : "";
}

function viewOf(text: string): TimeSpan | null {
  const match = /^(\d{1,16})-(\d{1,16})$/.exec(text);
  if (!match) return null;
  const [from, to] = [Number(match[1]), Number(match[2])];
  return to > from ? { from, to } : null;
}
