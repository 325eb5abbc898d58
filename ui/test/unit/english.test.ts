// What the pages say stands in one file. Keys are checked by the type checker; this checks that nothing is said
// past it, and that it holds nothing that nobody says.

import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseSync } from "vite";
import { describe, expect, test } from "vitest";
import english from "../../src/base/english.json";
import { counted } from "../../src/base/number.ts";
import { say, sayRich } from "../../src/base/say.ts";

const SOURCE = resolve(import.meta.dirname, "../../src");
const files = readdirSync(SOURCE, { recursive: true, encoding: "utf8" })
  .filter((path) => /\.tsx?$/.test(path))
  .map((path) => ({ path, text: readFileSync(join(SOURCE, path), "utf8") }));
const SPOKEN = ["aria-label", "title", "placeholder", "label", "what", "caption", "note"];
const isWords = (text: unknown) => typeof text === "string" && /\p{L}{2}/u.test(text);

interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value;
}

/** Words that stand in the markup itself. */
function spoken(node: Node): readonly string[] {
  const own: string[] = [];
  if (node.type === "JSXText" && isWords(node.value)) own.push(String(node.value).trim());
  if (node.type === "JSXAttribute" && isNode(node.name) && isNode(node.value)) {
    const isSpoken = SPOKEN.includes(String(node.name.name));
    const { type, value } = node.value;
    // An address or `key=value` is an example that every language shares.
    if (isSpoken && type === "Literal" && isWords(value) && !/[/=]/.test(String(value))) {
      own.push(String(value));
    }
  }
  const children = Object.values(node).flatMap((value) => (Array.isArray(value) ? value : [value]));
  return [...own, ...children.filter(isNode).flatMap(spoken)];
}

/** The key of `{say("key", …)}`. */
function saidKey(node: Node): string | null {
  const call = node.expression;
  if (node.type !== "JSXExpressionContainer" || !isNode(call) || call.type !== "CallExpression") {
    return null;
  }
  const [key] = call.arguments as readonly Node[];
  return isNode(call.callee) && call.callee.name === "say" && key?.type === "Literal"
    ? String(key.value)
    : null;
}

const IN_SENTENCES = ["a", "button", "code", "strong"];

/** What a translator would get in pieces: a text beside a value, or beside a link that is part of its sentence. */
function pieces(node: Node): readonly string[] {
  const values = Object.values(node).flatMap((value) => (Array.isArray(value) ? value : [value]));
  const inner = values.filter(isNode).flatMap(pieces);
  if (node.type !== "JSXElement" && node.type !== "JSXFragment") return inner;
  const isBlank = (child: Node) =>
    (child.type === "JSXText" && /^\s*$/.test(String(child.value))) ||
    (isNode(child.expression) && child.expression.value === " ");
  const children = (node.children as readonly Node[]).filter((child) => !isBlank(child));
  const found = children.flatMap((child, at) => {
    const key = saidKey(child);
    if (key === null) return [];
    const isSplit = [children[at - 1], children[at + 1]].some((other) => {
      if (other === undefined) return false;
      if (other.type === "JSXText")
        return isWords(other.value) || /[,.:;]/.test(String(other.value));
      if (other.type === "JSXExpressionContainer") {
        const kind = (other.expression as Node).type;
        return ["Identifier", "MemberExpression", "CallExpression", "TemplateLiteral"].includes(
          kind,
        );
      }
      const name = ((other.openingElement as Node | undefined)?.name as Node | undefined)?.name;
      const isWhole = /[.!?…}]$/.test(english[key as keyof typeof english]);
      return IN_SENTENCES.includes(String(name)) && !isWhole;
    });
    return isSplit ? [key] : [];
  });
  return [...inner, ...found];
}

describe("English", () => {
  test("stands in its file, not in the markup", () => {
    const found = files
      .filter(({ path }) => path.endsWith(".tsx"))
      .flatMap(({ path, text }) =>
        spoken(parseSync(path, text).program as unknown as Node).map((said) => `${path}: ${said}`),
      );
    expect(found).toEqual([]);
  });

  test("is whole sentences, that a translator can turn round", () => {
    const found = files
      .filter(({ path }) => path.endsWith(".tsx"))
      .flatMap(({ path, text }) =>
        pieces(parseSync(path, text).program as unknown as Node).map((key) => `${path}: ${key}`),
      );
    expect(found).toEqual([]);
  });

  test("has no text that nobody says", () => {
    const all = files.map(({ text }) => text).join("\n");
    const unsaid = Object.keys(english).filter(
      (key) => !all.includes(`"${key.replace(/^count\./, "")}"`),
    );
    expect(unsaid).toEqual([]);
  });

  test("puts parts in, and counts one and others", () => {
    expect(say("app.sigyn", { page: "Search" })).toBe("Search · Sigyn");
    const link = (words: string) => ({ words });
    expect(sayRich("targets.empty", { discovery: link })).toEqual([
      "No target is configured, or relabeling dropped them all. Look at what ",
      { words: "discovery" },
      " found.",
    ]);
    expect(counted(1, "span")).toBe("1 span");
    expect(counted(1234, "span")).toBe("1,234 spans");
    for (const [key, text] of Object.entries(english)) {
      expect(text.split(" | ").length, key).toBe(key.startsWith("count.") ? 2 : 1);
    }
  });
});
