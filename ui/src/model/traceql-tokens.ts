// TraceQL as words and signs with their places, for finding within a trace and for colouring.

import { say } from "../base/say.ts";
import { parseDuration } from "../base/time.ts";

export type Literal =
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "duration"; readonly value: number }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "keyword"; readonly value: string }
  | { readonly kind: "nil" };

export interface Token {
  readonly kind: "word" | "string" | "number" | "sign";
  readonly text: string;
  readonly at: number;
  /** What it stands for, where it can stand for a value. */
  readonly value?: Literal;
}

/** What is wrong with a query, and where. */
export class TraceqlFault extends Error {
  readonly at: number;

  constructor(sentence: string, at: number) {
    super(sentence);
    this.name = "TraceqlFault";
    this.at = at;
  }
}

export const KEYWORDS: readonly string[] = [
  "error",
  "ok",
  "unset",
  "server",
  "client",
  "internal",
  "producer",
  "consumer",
  "unspecified",
];

const PATTERN =
  /\s+|(?<string>"(?:[^"\\]|\\.)*"|`[^`]*`)|(?<number>-?\d[\w.µμ]*)|(?<sign>!>>|!<<|&>>|&<<|!>|!<|!~|&>|&<|&~|>>|<<|>=|<=|!=|=~|&&|\|\||[{}()=<>!~|,+*/%^-])|(?<word>[\p{L}_.$][^\s{}()=~!<>&|^,"`]*(?:"(?:[^"\\]|\\.)*")?)|(?<other>.)/gsu;

export function tokenize(query: string): readonly Token[] {
  const tokens: Token[] = [];
  for (const match of query.matchAll(PATTERN)) {
    const groups = match.groups ?? {};
    const at = match.index;
    const text = match[0];
    if (groups.string !== undefined) {
      tokens.push({ kind: "string", text, at, value: { kind: "text", value: textOf(text) } });
    } else if (groups.number !== undefined) {
      tokens.push({ kind: "number", text, at, value: numberOf(text, at) });
    } else if (groups.sign !== undefined) tokens.push({ kind: "sign", text, at });
    else if (groups.word !== undefined) tokens.push(wordToken(text, at));
    else if (groups.other !== undefined) {
      const isOpen = text === '"' || text === "`";
      throw new TraceqlFault(
        isOpen
          ? say("traceqlTokens.aQuoteIsNotClosed")
          : say("traceqlTokens.hasNoMeaning", { text }),
        at,
      );
    }
  }
  return tokens;
}

function wordToken(text: string, at: number): Token {
  const token = { kind: "word", text, at } as const;
  if (text === "nil") return { ...token, value: { kind: "nil" } };
  if (text === "true" || text === "false") {
    return { ...token, value: { kind: "boolean", value: text === "true" } };
  }
  return KEYWORDS.includes(text) ? { ...token, value: { kind: "keyword", value: text } } : token;
}

function numberOf(text: string, at: number): Literal {
  const number = Number(text);
  if (!Number.isNaN(number)) return { kind: "number", value: number };
  const isNegative = text.startsWith("-");
  const duration = parseDuration(isNegative ? text.slice(1) : text);
  if (duration === null) {
    throw new TraceqlFault(say("traceqlTokens.isNeitherANumberNorA", { text }), at);
  }
  return { kind: "duration", value: isNegative ? -duration : duration };
}

function textOf(token: string): string {
  if (token.startsWith("`")) return token.slice(1, -1);
  const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };
  return token.slice(1, -1).replace(/\\(.)/gs, (_, char: string) => escapes[char] ?? char);
}
