import { asArray, asObject, asString, asStringMap, type JsonObject } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import { getJson } from "./client.ts";

/** What the server says of itself: names and values as it writes them, empty ones left out. */
export type Figures = Readonly<Record<string, string>>;

export type StatusKind = "buildinfo" | "runtimeinfo" | "flags";

export function fetchStatus(kind: StatusKind, signal?: AbortSignal): Promise<Result<Figures>> {
  return getJson(`/api/v1/status/${kind}`, {}, parseStatus, signal);
}

/** The configuration that is in force, as YAML; secrets are hidden by the server. */
export function fetchConfig(signal?: AbortSignal): Promise<Result<string>> {
  const parse = (json: unknown) => asString(asObject(asObject(json).data).yaml);
  return getJson("/api/v1/status/config", {}, parse, signal);
}

export function parseStatus(json: unknown): Figures {
  const data = asObject(asObject(json).data);
  const shown = Object.entries(data).map(([key, value]) => [
    key,
    typeof value === "boolean" ? String(value) : value,
  ]);
  const texts = asStringMap(Object.fromEntries(shown));
  return Object.fromEntries(Object.entries(texts).filter(([, value]) => value !== ""));
}

/** A link that the configuration gives: `of` says whether it leads on from a span or from a series. */
export interface GivenLink {
  readonly name: string;
  readonly url: string;
  readonly of: "span" | "series";
}

/** The links of the server's configuration; none where it has none. */
export function fetchLinks(signal?: AbortSignal): Promise<Result<readonly GivenLink[]>> {
  return getJson("/api/v1/status/runtimeinfo", {}, parseLinks, signal);
}

export function parseLinks(json: unknown): readonly GivenLink[] {
  return asArray(asObject(asObject(json).data).links)
    .map(asObject)
    .flatMap(givenLink);
}

/** One link, of the server or of the browser's store; nothing where it has no address. */
export function givenLink(fields: JsonObject): readonly GivenLink[] {
  const url = asString(fields.url);
  const of = fields.of === "series" ? "series" : "span";
  return /^https?:\/\//.test(url) ? [{ name: asString(fields.name) || url, url, of }] : [];
}
