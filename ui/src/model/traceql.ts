// Building and reading TraceQL of the search form's shape:
// `{ resource.service.name = "x" && name = "y" && duration >= 10ms && status = error && span.k = v }`.
// The server judges every query; this file only has to know whether the form can show one.

import { parseDuration } from "../base/time.ts";

export interface Tag {
  /** With or without scope: `span.http.method`, `http.method`. */
  readonly key: string;
  /** As the person wrote it: `200`, `GET`, `"200"`. */
  readonly value: string;
}

export type StatusChoice = "" | "ok" | "error" | "unset";

export interface SearchForm {
  readonly service: string;
  readonly operation: string;
  /** Durations as typed; empty for none. */
  readonly durationMin: string;
  readonly durationMax: string;
  readonly status: StatusChoice;
  readonly tags: readonly Tag[];
}

export const EMPTY_FORM: SearchForm = {
  service: "",
  operation: "",
  durationMin: "",
  durationMax: "",
  status: "",
  tags: [],
};

/** A string literal. */
export function quote(text: string): string {
  const escaped = text
    .replace(/[\\"]/g, "\\$&")
    .replace(/\n/g, "\\n")
    .replace(/\r/g, "\\r")
    .replace(/\t/g, "\\t");
  return `"${escaped}"`;
}

const SCOPES = ["span", "resource", "event", "link", "instrumentation"];

/** An attribute with its scope; parts that the grammar would end at are quoted. */
export function attributeName(key: string): string {
  const scope = SCOPES.find((name) => key.startsWith(`${name}.`));
  const bare = scope ? key.slice(scope.length + 1) : key.replace(/^\./, "");
  const safe = /^[^\s{}()=~!<>&|^,"\\]+$/.test(bare) ? bare : `"${bare.replace(/[\\"]/g, "\\$&")}"`;
  return `${scope ?? ""}.${safe}`;
}

/** Numbers, booleans and quoted text as they are; everything else becomes a string. */
export function literal(value: string): string {
  const text = value.trim();
  if (/^-?\d+(\.\d+)?$/.test(text) || text === "true" || text === "false") return text;
  if (/^"(?:[^"\\]|\\.)*"$/s.test(text)) return text;
  return quote(text);
}

export function buildQuery(form: SearchForm): string {
  const conditions: string[] = [];
  if (form.service !== "") conditions.push(`resource.service.name = ${quote(form.service)}`);
  if (form.operation !== "") conditions.push(`name = ${quote(form.operation)}`);
  if (isDuration(form.durationMin)) conditions.push(`duration >= ${compact(form.durationMin)}`);
  if (isDuration(form.durationMax)) conditions.push(`duration <= ${compact(form.durationMax)}`);
  if (form.status !== "") conditions.push(`status = ${form.status}`);
  for (const tag of form.tags) {
    if (tag.key !== "") conditions.push(`${attributeName(tag.key)} = ${literal(tag.value)}`);
  }
  return conditions.length === 0 ? "{ }" : `{ ${conditions.join(" && ")} }`;
}

const isDuration = (text: string) => parseDuration(text) !== null;
const compact = (text: string) => text.replace(/\s+/g, "");

/** `key=value`; null without a key or an equals sign. */
export function parseTag(text: string): Tag | null {
  const at = text.indexOf("=");
  if (at < 1) return null;
  const key = text.slice(0, at).trim();
  return key === "" ? null : { key, value: text.slice(at + 1).trim() };
}

export function formatTag(tag: Tag): string {
  return `${tag.key}=${tag.value}`;
}

const TOKEN =
  /\s*(?:(&&)|(>=|<=|=)|("(?:[^"\\]|\\.)*")|([^\s{}()=~!<>&|^,"]+(?:"(?:[^"\\]|\\.)*")?)|(.))/gsy;

/** The form that says the same as the query; null where the form cannot say it. */
export function parseQuery(query: string): SearchForm | null {
  const text = query.trim();
  if (text === "") return EMPTY_FORM;
  if (!text.startsWith("{") || !text.endsWith("}")) return null;
  const tokens = tokensOf(text.slice(1, -1).trim());
  if (tokens === null || (tokens.length > 0 && tokens.length % 4 !== 3)) return null;

  let form: SearchForm = EMPTY_FORM;
  for (let at = 0; at < tokens.length; at += 4) {
    const [field, operator, value, and] = tokens.slice(at, at + 4);
    if (and !== undefined && and !== "&&") return null;
    const next = withCondition(form, field, operator, value);
    if (next === null) return null;
    form = next;
  }
  return form;
}

function tokensOf(text: string): string[] | null {
  const tokens: string[] = [];
  let end = 0;
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    if (match[5] !== undefined) return null;
    tokens.push(match[1] ?? match[2] ?? match[3] ?? match[4]);
    end = TOKEN.lastIndex;
  }
  return end === text.length ? tokens : null;
}

/** Each of the form's fields can be said once; a second time is beyond the form. */
function withCondition(
  form: SearchForm,
  field: string,
  operator: string,
  value: string,
): SearchForm | null {
  if (field === "duration" || field === "span:duration") {
    if (!isDuration(value)) return null;
    if (operator === ">=" && form.durationMin === "") return { ...form, durationMin: value };
    if (operator === "<=" && form.durationMax === "") return { ...form, durationMax: value };
    return null;
  }
  if (operator !== "=") return null;
  if (field === "status" || field === "span:status") {
    const known = value === "ok" || value === "error" || value === "unset";
    return known && form.status === "" ? { ...form, status: value } : null;
  }
  const string = unquote(value);
  if (field === "name" || field === "span:name") {
    return string && form.operation === "" ? { ...form, operation: string } : null;
  }
  if (field === "resource.service.name" && string && form.service === "") {
    return { ...form, service: string };
  }
  const key = attributeKey(field);
  if (key === null) return null;
  if (string === null && literal(value) !== value) return null;
  // A bare word in the form means a string, so quotes stay only where they change the meaning.
  const shown = string !== null && literal(string) === value ? string : value;
  return { ...form, tags: [...form.tags, { key, value: shown }] };
}

/** The form's spelling of an attribute; null for intrinsics. */
function attributeKey(field: string): string | null {
  const match = /^(|span|resource|event|link|instrumentation)\.(.+)$/s.exec(field);
  if (match === null) return null;
  const [, scope, rest] = match;
  const bare = rest.startsWith('"') ? unquote(rest) : rest.includes('"') ? null : rest;
  if (bare === null || bare.includes("=")) return null;
  const key = scope === "" ? bare : `${scope}.${bare}`;
  return attributeName(key) === field ? key : null;
}

/** The text of a string literal; null where it is none. */
function unquote(token: string): string | null {
  if (!token.startsWith('"') || !token.endsWith('"') || token.length < 2) return null;
  const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };
  return token.slice(1, -1).replace(/\\(.)/gs, (_, char: string) => escapes[char] ?? char);
}
