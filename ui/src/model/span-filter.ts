// TraceQL within one trace, evaluated in the browser: filters, and the operators between them. What
// needs the store (pipelines, metrics) is for the search page, and the error says so.

import { say } from "../base/say.ts";
import { type Condition, conditionHolds } from "./span-condition.ts";
import type { Trace } from "./trace.ts";
import { type Token, TraceqlFault, tokenize } from "./traceql-tokens.ts";

export type Expression =
  | { readonly kind: "condition"; readonly condition: Condition }
  | { readonly kind: "and" | "or"; readonly left: Expression; readonly right: Expression }
  | { readonly kind: "not"; readonly inner: Expression }
  | { readonly kind: "constant"; readonly value: boolean };

type Relation = "&&" | "||" | ">" | "<" | ">>" | "<<" | "~";

export type SpanSet =
  | { readonly kind: "filter"; readonly expression: Expression }
  | {
      readonly kind: "relation";
      readonly operator: Relation;
      readonly keepsBoth: boolean;
      readonly isNegated: boolean;
      readonly left: SpanSet;
      readonly right: SpanSet;
    };

/** Reads a query; throws `TraceqlFault` with the place of the fault. */
export function parseSpanSet(query: string): SpanSet {
  const reader = new Reader(tokenize(query), query.length);
  const set = reader.spanSet();
  reader.end();
  return set;
}

/** 1 for each span that the query keeps. */
export function evaluate(trace: Trace, set: SpanSet): Uint8Array {
  if (set.kind === "filter") {
    const marks = new Uint8Array(trace.spans.length);
    for (let i = 0; i < marks.length; i++) marks[i] = holds(trace, i, set.expression) ? 1 : 0;
    return marks;
  }
  const left = evaluate(trace, set.left);
  const right = evaluate(trace, set.right);
  const { operator } = set;
  if (operator === "&&" || operator === "||") {
    const isEmpty = operator === "&&" && !(left.includes(1) && right.includes(1));
    return left.map((mark, i) => (isEmpty ? 0 : mark | right[i]));
  }
  const hits = related(trace, operator, left, right);
  const kept = right.map((mark, i) => (mark === 1 && (hits[i] === 1) !== set.isNegated ? 1 : 0));
  if (!set.keepsBoth) return kept;
  const back = related(trace, opposite(operator), right, left);
  return kept.map((mark, i) => mark | (left[i] & back[i]));
}

function holds(trace: Trace, span: number, expression: Expression): boolean {
  switch (expression.kind) {
    case "constant":
      return expression.value;
    case "not":
      return !holds(trace, span, expression.inner);
    case "and":
      return holds(trace, span, expression.left) && holds(trace, span, expression.right);
    case "or":
      return holds(trace, span, expression.left) || holds(trace, span, expression.right);
    case "condition":
      return conditionHolds(trace, span, expression.condition);
  }
}

function opposite(operator: Relation): Relation {
  const turned: Partial<Record<Relation, Relation>> = {
    ">": "<",
    "<": ">",
    ">>": "<<",
    "<<": ">>",
  };
  return turned[operator] ?? operator;
}

/** 1 for each span of `right` that stands in the relation to some span of `left`. */
function related(
  trace: Trace,
  operator: Relation,
  left: Uint8Array,
  right: Uint8Array,
): Uint8Array {
  const count = right.length;
  const hits = new Uint8Array(count);
  if (operator === ">" || operator === ">>") {
    for (let i = 0; i < count; i++) {
      const parent = trace.parent[i];
      if (parent < 0) continue;
      hits[i] = left[parent] | (operator === ">>" ? hits[parent] : 0);
    }
  } else if (operator === "<" || operator === "<<") {
    for (let i = count - 1; i > 0; i--) {
      const parent = trace.parent[i];
      if (parent >= 0) hits[parent] |= left[i] | (operator === "<<" ? hits[i] : 0);
    }
  } else {
    const bySibling = new Map<number, number>();
    for (let i = 0; i < count; i++) {
      if (left[i] === 1) bySibling.set(trace.parent[i], (bySibling.get(trace.parent[i]) ?? 0) + 1);
    }
    for (let i = 0; i < count; i++) {
      hits[i] = (bySibling.get(trace.parent[i]) ?? 0) > left[i] ? 1 : 0;
    }
  }
  return hits;
}

/** Recursive descent; the depth of brackets is bounded, because a query is typed by a person. */
const BRACKETS_MAX = 64;
const SET_OPERATORS = /^(?:&&|\|\||[!&]?(?:>>|<<|>|<|~))$/;
const COMPARISONS = new Set(["=", "!=", "<", "<=", ">", ">=", "=~", "!~"]);

class Reader {
  readonly #tokens: readonly Token[];
  readonly #length: number;
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[], length: number) {
    this.#tokens = tokens;
    this.#length = length;
  }

  end(): void {
    const rest = this.#peek();
    if (rest?.text === "|") {
      throw new TraceqlFault(say("spanFilter.findUnderstandsFiltersAndTheOperators"), rest.at);
    }
    if (rest)
      throw new TraceqlFault(say("spanFilter.isNotExpectedHere", { text: rest.text }), rest.at);
  }

  spanSet(): SpanSet {
    let left = this.#spanSetPart();
    for (;;) {
      const text = this.#peek()?.text ?? "";
      if (!SET_OPERATORS.test(text)) return left;
      this.#at += 1;
      const isNegated = text.startsWith("!");
      const keepsBoth = text.startsWith("&") && text !== "&&";
      const operator = (isNegated || keepsBoth ? text.slice(1) : text) as Relation;
      const right = this.#spanSetPart();
      left = { kind: "relation", operator, keepsBoth, isNegated, left, right };
    }
  }

  #spanSetPart(): SpanSet {
    if (this.#take("(")) return this.#bracketed(() => this.spanSet(), ")");
    this.#expect("{");
    if (this.#take("}")) return { kind: "filter", expression: { kind: "constant", value: true } };
    const expression = this.#bracketed(() => this.#expression(), "}");
    return { kind: "filter", expression };
  }

  #bracketed<T>(read: () => T, close: string): T {
    this.#depth += 1;
    if (this.#depth > BRACKETS_MAX)
      throw new TraceqlFault(say("spanFilter.tooManyBrackets"), this.#place());
    const inner = read();
    this.#expect(close);
    this.#depth -= 1;
    return inner;
  }

  /** `&&` and `||` bind alike, from left to right, as TraceQL has it. */
  #expression(): Expression {
    let left = this.#operand();
    for (;;) {
      if (this.#take("&&")) left = { kind: "and", left, right: this.#operand() };
      else if (this.#take("||")) left = { kind: "or", left, right: this.#operand() };
      else return left;
    }
  }

  #operand(): Expression {
    if (this.#take("!")) return { kind: "not", inner: this.#operand() };
    if (this.#take("(")) return this.#bracketed(() => this.#expression(), ")");
    const field = this.#next(say("spanFilter.aFieldSuchAsDurationOr"));
    if (field.kind === "word" && (field.text === "true" || field.text === "false")) {
      return { kind: "constant", value: field.text === "true" };
    }
    if (field.kind !== "word") {
      throw new TraceqlFault(say("spanFilter.aFieldIsExpectedNot", { text: field.text }), field.at);
    }
    const operator = this.#peek();
    if (!operator || !COMPARISONS.has(operator.text)) {
      return {
        kind: "condition",
        condition: { field: field.text, operator: "=", value: { kind: "boolean", value: true } },
      };
    }
    this.#at += 1;
    const value = this.#next(say("spanFilter.aValue"));
    if (value.value === undefined) {
      throw new TraceqlFault(say("spanFilter.isNoValueQuoteItIf", { text: value.text }), value.at);
    }
    if (operator.text.includes("~")) checkPattern(value);
    return {
      kind: "condition",
      condition: {
        field: field.text,
        operator: operator.text as Condition["operator"],
        value: value.value,
      },
    };
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#at];
  }

  #place(): number {
    return this.#peek()?.at ?? this.#length;
  }

  #take(text: string): boolean {
    if (this.#peek()?.text !== text || this.#peek()?.kind === "string") return false;
    this.#at += 1;
    return true;
  }

  #expect(text: string): void {
    if (!this.#take(text))
      throw new TraceqlFault(say("spanFilter.isMissing", { text }), this.#place());
  }

  #next(what: string): Token {
    const token = this.#peek();
    if (!token)
      throw new TraceqlFault(say("spanFilter.theQueryEndsWhereIsExpected", { what }), this.#length);
    this.#at += 1;
    return token;
  }
}

function checkPattern(token: Token): void {
  if (token.value?.kind !== "text") {
    throw new TraceqlFault(say("spanFilter.aPatternIsWrittenInQuotes"), token.at);
  }
  try {
    new RegExp(token.value.value, "u");
  } catch {
    throw new TraceqlFault(say("spanFilter.thisIsNoRegularExpression"), token.at);
  }
}
