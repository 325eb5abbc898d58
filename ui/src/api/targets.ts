import {
  asArray,
  asNumber,
  asNumberOrNull,
  asObject,
  asString,
  asStringMap,
} from "../base/json.ts";
import type { Result } from "../base/result.ts";
import { getJson } from "./client.ts";

export type Labels = Readonly<Record<string, string>>;
export type Health = "up" | "down" | "unknown";

/** What the last reads of a span buffer said. */
export interface BufferState {
  /** False: the endpoint answers OTLP without the protocol's headers, so losses cannot be known. */
  readonly tracked: boolean;
  readonly spansTotal: number;
  readonly lastSpans: number;
  readonly lastBytes: number;
  readonly lostTotal: number;
  readonly unknownLosses: number;
  /** 0 to 1. */
  readonly fillRatio: number | null;
  readonly secondsToOverwrite: number | null;
  readonly clockOffsetSeconds: number | null;
  readonly ending: boolean;
  readonly exemplarsLastError: string;
}

export interface ActiveTarget {
  readonly discoveredLabels: Labels;
  readonly labels: Labels;
  readonly pool: string;
  readonly url: string;
  readonly lastError: string;
  /** Unix milliseconds; null before the first read. */
  readonly lastReadMillis: number | null;
  readonly lastReadSeconds: number;
  readonly health: Health;
  readonly interval: string;
  readonly buffer: BufferState | null;
}

export interface DroppedTarget {
  readonly discoveredLabels: Labels;
  readonly pool: string;
  /** Index of the relabeling rule that dropped it, from 0; null where the server does not say. */
  readonly droppedByRule: number | null;
}

export interface Targets {
  readonly active: readonly ActiveTarget[];
  readonly dropped: readonly DroppedTarget[];
  /** Counts every drop, also those that are not listed. */
  readonly droppedCounts: Readonly<Record<string, number>>;
}

/** One relabeling rule as it acted on one target. */
export interface RelabelStep {
  readonly rule: Readonly<Record<string, unknown>>;
  readonly output: Labels;
  readonly keep: boolean;
}

export function fetchTargets(signal?: AbortSignal): Promise<Result<Targets>> {
  return getJson("/api/v1/targets", {}, parseTargets, signal);
}

export function fetchRelabelSteps(
  pool: string,
  labels: Labels,
  signal?: AbortSignal,
): Promise<Result<readonly RelabelStep[]>> {
  return getJson(
    "/api/v1/targets/relabel_steps",
    { scrapePool: pool, labels: JSON.stringify(labels) },
    parseRelabelSteps,
    signal,
  );
}

export function parseTargets(json: unknown): Targets {
  const data = asObject(asObject(json).data);
  const counts: Record<string, number> = {};
  for (const [pool, count] of Object.entries(asObject(data.droppedTargetCounts))) {
    counts[pool] = asNumber(count);
  }
  return {
    active: asArray(data.activeTargets).map(parseActive),
    dropped: asArray(data.droppedTargets)
      .map(asObject)
      .map((target) => ({
        discoveredLabels: asStringMap(target.discoveredLabels),
        pool: asString(target.scrapePool),
        droppedByRule: asNumberOrNull(target.droppedByRule),
      })),
    droppedCounts: counts,
  };
}

export function parseRelabelSteps(json: unknown): readonly RelabelStep[] {
  return asArray(asObject(asObject(json).data).steps)
    .map(asObject)
    .map((step) => ({
      rule: asObject(step.rule),
      output: asStringMap(step.output),
      keep: step.keep === true,
    }));
}

function parseActive(json: unknown): ActiveTarget {
  const target = asObject(json);
  const health = asString(target.health);
  // Before the first read the time is the year 1, as Prometheus has it.
  const lastRead = Date.parse(asString(target.lastScrape));
  return {
    discoveredLabels: asStringMap(target.discoveredLabels),
    labels: asStringMap(target.labels),
    pool: asString(target.scrapePool),
    url: asString(target.scrapeUrl),
    lastError: asString(target.lastError),
    lastReadMillis: lastRead > 0 ? lastRead : null,
    lastReadSeconds: asNumber(target.lastScrapeDuration),
    health: health === "up" || health === "down" ? health : "unknown",
    interval: asString(target.scrapeInterval),
    buffer: target.buffer ? parseBuffer(target.buffer) : null,
  };
}

function parseBuffer(json: unknown): BufferState {
  const buffer = asObject(json);
  return {
    tracked: buffer.tracked === true,
    spansTotal: asNumber(buffer.spansTotal),
    lastSpans: asNumber(buffer.lastSpans),
    lastBytes: asNumber(buffer.lastBytes),
    lostTotal: asNumber(buffer.lostTotal),
    unknownLosses: asNumber(buffer.unknownLosses),
    fillRatio: asNumberOrNull(buffer.fillRatio),
    secondsToOverwrite: asNumberOrNull(buffer.secondsToOverwrite),
    clockOffsetSeconds: asNumberOrNull(buffer.clockOffsetSeconds),
    ending: buffer.ending === true,
    exemplarsLastError: asString(buffer.exemplarsLastError),
  };
}
