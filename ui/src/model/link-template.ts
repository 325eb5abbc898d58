// Links from a span to logs, and from a metric's series to where it is drawn, by templates such as
// `https://logs.example/?q={service}&trace={traceId}&from={startMillis}`.

import type { Span } from "../api/otlp.ts";
import { type Labels, seriesName, seriesQuery } from "./series.ts";

/** What a link leads on from. */
export type LinkSource = "span" | "series";

export interface LinkTemplate {
  readonly name: string;
  readonly url: string;
  readonly of: LinkSource;
}

/** A field's text; null where the span or series lacks it. */
export type Fields = (field: string) => string | null;

const SPAN_FIELDS =
  "{traceId} {spanId} {service} {name} {startMillis} {endMillis} {startSeconds} {endSeconds} {any.attribute}";
const SERIES_FIELDS =
  "{query} {queryJson} {series} {metric} {startMillis} {endMillis} {startSeconds} {endSeconds} {endUtc} {any_label}";

export function fieldsOffered(of: LinkSource): string {
  return of === "span" ? SPAN_FIELDS : SERIES_FIELDS;
}

/** Templates that most people want; they change the host. */
export const PRESETS: readonly LinkTemplate[] = [
  {
    of: "series",
    name: "Prometheus",
    url:
      "http://prometheus:9090/graph?g0.expr={query}&g0.tab=0&g0.show_exemplars=1" +
      "&g0.range_input=30m&g0.end_input={endUtc}",
  },
  {
    of: "series",
    name: "Grafana",
    url:
      "http://grafana:3000/explore?schemaVersion=1&panes=%7B%22sigyn%22:%7B%22datasource%22:%22prometheus%22," +
      "%22queries%22:[%7B%22refId%22:%22A%22,%22expr%22:%22{queryJson}%22,%22exemplar%22:true%7D]," +
      "%22range%22:%7B%22from%22:%22{startMillis}%22,%22to%22:%22{endMillis}%22%7D%7D%7D",
  },
  {
    of: "span",
    name: "Loki",
    url:
      "http://grafana:3000/explore?schemaVersion=1&panes=%7B%22sigyn%22:%7B%22datasource%22:%22loki%22," +
      "%22queries%22:[%7B%22refId%22:%22A%22,%22expr%22:%22%7Bservice_name%3D%5C%22{service}%5C%22%7D%20%7C%3D%20%5C%22{traceId}%5C%22%22%7D]," +
      "%22range%22:%7B%22from%22:%22{startMillis}%22,%22to%22:%22{endMillis}%22%7D%7D%7D",
  },
];

/** The address that a template stands for; null where a field is lacking, or it is no web address. */
export function fillTemplate(template: string, fields: Fields): string | null {
  let isWhole = true;
  const url = template.replace(/\{([^{}]+)\}/g, (_, field: string) => {
    const value = fields(field.trim());
    if (value === null) isWhole = false;
    return encodeURIComponent(value ?? "");
  });
  return isWhole && /^https?:\/\//.test(url) ? url : null;
}

/** What a template may say of a span. */
export function spanFields(span: Span, traceId: string): Fields {
  const own: Readonly<Record<string, string | null>> = {
    traceId,
    spanId: span.spanId,
    service: span.resource.serviceName,
    name: span.name,
    ...times(Number(span.start / 1_000_000n), Number(span.end / 1_000_000n + 1n)),
  };
  return (field) => {
    if (Object.hasOwn(own, field)) return own[field];
    const bare = field.replace(/^(span|resource)\./, "");
    const found =
      span.attributes.find(({ key }) => key === bare) ??
      span.resource.attributes.find(({ key }) => key === bare);
    return found?.text ?? null;
  };
}

/** What is drawn round an exemplar, so that it does not stand at the edge. */
const AROUND_MILLIS = 15 * 60_000;

/** What a template may say of a series and a moment of it. */
export function seriesFields(labels: Labels, atMillis: number): Fields {
  const query = seriesQuery(labels);
  const own: Readonly<Record<string, string>> = {
    query,
    // For templates that put the query into a string of JSON.
    queryJson: JSON.stringify(query).slice(1, -1),
    series: seriesName(labels),
    metric: labels.__name__ ?? "",
    ...times(Math.floor(atMillis) - AROUND_MILLIS, Math.floor(atMillis) + AROUND_MILLIS),
    endUtc: new Date(atMillis + AROUND_MILLIS).toISOString().slice(0, 19).replace("T", " "),
  };
  return (field) => {
    if (Object.hasOwn(own, field)) return own[field];
    return Object.hasOwn(labels, field) ? labels[field] : null;
  };
}

function times(startMillis: number, endMillis: number) {
  return {
    startMillis: String(startMillis),
    endMillis: String(endMillis),
    startSeconds: String(Math.floor(startMillis / 1000)),
    endSeconds: String(Math.ceil(endMillis / 1000)),
  };
}
