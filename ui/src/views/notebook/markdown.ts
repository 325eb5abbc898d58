// Markdown to nodes. The text is taken apart by a library and put together as nodes here, never as HTML: what is
// not listed below cannot appear, whatever somebody writes. HTML in the text is shown as text, a picture as a link to
// it (a page of Sigyn asks no other host for anything), and links lead to the web or to pages of ours.

import { lexer, type MarkedToken, type Token, type Tokens } from "marked";
import { type ComponentChild, h } from "preact";

/** Deeper lists and quotes are shown as their text. */
const DEPTH_MAX = 12;
const SAFE_LINK = /^(?:https?:\/\/|mailto:|\/(?!\/)|#)/i;

/** The nodes of a text. */
export function markdownNodes(text: string): readonly ComponentChild[] {
  try {
    return blocks(lexer(text, { gfm: true }), 0);
  } catch {
    // A thousand nested quotes are too deep for the library; their text can be read all the same.
    return [h("p", null, text)];
  }
}

function blocks(tokens: readonly Token[], depth: number): readonly ComponentChild[] {
  return tokens.map((token) => node(token as MarkedToken, depth));
}

function node(token: MarkedToken, depth: number): ComponentChild {
  if (depth > DEPTH_MAX) return token.raw;
  const inner = (tokens: readonly Token[] | undefined) => blocks(tokens ?? [], depth + 1);
  switch (token.type) {
    case "heading":
      // The title of the page is its only h1.
      return h(`h${Math.min(6, token.depth + 1)}`, null, inner(token.tokens));
    case "paragraph":
      return h("p", null, inner(token.tokens));
    case "blockquote":
      return h("blockquote", null, inner(token.tokens));
    case "list":
      return h(
        token.ordered ? "ol" : "ul",
        null,
        token.items.map((item) => h("li", null, inner(item.tokens))),
      );
    case "checkbox":
      return token.checked ? "☑ " : "☐ ";
    case "code":
      return h("pre", null, h("code", null, token.text));
    case "hr":
      return h("hr", null);
    case "table":
      return table(token, depth);
    case "strong":
      return h("strong", null, inner(token.tokens));
    case "em":
      return h("em", null, inner(token.tokens));
    case "del":
      return h("del", null, inner(token.tokens));
    case "codespan":
      return h("code", null, token.text);
    case "br":
      return h("br", null);
    case "link":
      return link(token.href, inner(token.tokens));
    case "image":
      return link(token.href, [token.text || token.href]);
    case "text":
      return token.tokens ? h("span", null, inner(token.tokens)) : decoded(token.text);
    case "escape":
      return token.text;
    case "space":
    case "def":
      return null;
    default:
      return token.raw;
  }
}

function table(token: Tokens.Table, depth: number): ComponentChild {
  const cell = (tag: "td" | "th", one: Tokens.TableCell, at: number) => {
    const align = token.align[at];
    return h(tag, align ? { style: { textAlign: align } } : null, blocks(one.tokens, depth + 1));
  };
  return h("table", { class: "table" }, [
    h(
      "thead",
      null,
      h(
        "tr",
        null,
        token.header.map((one, at) => cell("th", one, at)),
      ),
    ),
    h(
      "tbody",
      null,
      token.rows.map((row) =>
        h(
          "tr",
          null,
          row.map((one, at) => cell("td", one, at)),
        ),
      ),
    ),
  ]);
}

function link(href: string, children: readonly ComponentChild[]): ComponentChild {
  if (!SAFE_LINK.test(href.trim())) return h("span", null, children);
  const isOurs = href.startsWith("/") || href.startsWith("#");
  const outside = { target: "_blank", rel: "noopener noreferrer" };
  return h("a", { href, ...(isOurs ? {} : outside) }, children);
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&#39;": "'",
};

function decoded(text: string): string {
  return text.replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => ENTITIES[entity]);
}
