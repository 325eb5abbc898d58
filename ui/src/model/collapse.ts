// Rules that collapse many spans at once. A rule is short enough for a link, however large the trace;
// what a person then opens or closes by hand are exceptions to it.

import { hasChildren } from "./rows.ts";
import type { Trace } from "./trace.ts";

export type CollapseRule =
  | { readonly kind: "none" }
  /** Shows this many levels below the shown root. */
  | { readonly kind: "depth"; readonly levels: number }
  /** Closes every span below which there is nothing but its own service. */
  | { readonly kind: "service" };

export const NO_RULE: CollapseRule = { kind: "none" };

export function formatRule(rule: CollapseRule): string {
  if (rule.kind === "none") return "";
  return rule.kind === "depth" ? `depth-${rule.levels}` : rule.kind;
}

export function parseRule(text: string): CollapseRule {
  if (text === "service") return { kind: "service" };
  const depth = /^depth-(\d{1,4})$/.exec(text);
  return depth ? { kind: "depth", levels: Number(depth[1]) } : NO_RULE;
}

export function collapsedByRule(
  trace: Trace,
  rule: CollapseRule,
  root: number,
): ReadonlySet<number> {
  const collapsed = new Set<number>();
  if (rule.kind === "none") return collapsed;
  if (rule.kind === "depth") {
    const depth = (root >= 0 ? trace.depth[root] : 0) + rule.levels;
    for (let i = 0; i < trace.spans.length; i++) {
      if (trace.depth[i] === depth && hasChildren(trace, i)) collapsed.add(i);
    }
    return collapsed;
  }
  const isMixed = new Uint8Array(trace.spans.length);
  for (let i = trace.spans.length - 1; i >= 0; i--) {
    const parent = trace.parent[i];
    if (parent >= 0 && (isMixed[i] === 1 || trace.service[i] !== trace.service[parent])) {
      isMixed[parent] = 1;
    }
    if (isMixed[i] === 0 && hasChildren(trace, i)) collapsed.add(i);
  }
  return collapsed;
}

/** The rule's set with the exceptions turned round. */
export function withExceptions(
  byRule: ReadonlySet<number>,
  exceptions: readonly number[],
): ReadonlySet<number> {
  if (exceptions.length === 0) return byRule;
  const collapsed = new Set(byRule);
  for (const span of exceptions) if (!collapsed.delete(span)) collapsed.add(span);
  return collapsed;
}

/** The exceptions that make `wanted` out of the rule's set. */
export function exceptionsFor(
  byRule: ReadonlySet<number>,
  wanted: ReadonlySet<number>,
): readonly number[] {
  const exceptions: number[] = [];
  for (const span of wanted) if (!byRule.has(span)) exceptions.push(span);
  for (const span of byRule) if (!wanted.has(span)) exceptions.push(span);
  return exceptions;
}
