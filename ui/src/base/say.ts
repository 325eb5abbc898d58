// All that the pages say, by key. english.json is the one file to translate: whoever adds a language adds such a
// file and chooses here. Each text is a whole sentence or a whole label, so that a language may order its words as
// it likes: a part in braces is put in, and `<name>words</name>` is what the page makes a link or a mark of.
// A count has one form for each plural category of the language, in the order zero, one, two, few, many, other.

import english from "./english.json";

export type TextKey = keyof typeof english;
/** What can be counted: the keys below `count.`. */
export type Noun = TextKey extends infer Key
  ? Key extends `count.${infer Name}`
    ? Name
    : never
  : never;

const LANGUAGE = "en";
const PART = /\{(\w+)\}/g;
const PART_OR_MARK = /\{(\w+)\}|<(\w+)>(.*?)<\/\2>/g;
const FORMS = " | ";
const rules = new Intl.PluralRules(LANGUAGE);
const categories = ["zero", "one", "two", "few", "many", "other"].filter((category) =>
  rules.resolvedOptions().pluralCategories.some((known) => known === category),
);

/** The text of a key, with its parts put in. */
export function say(key: TextKey, parts?: Readonly<Record<string, string | number>>): string {
  const text = english[key];
  return parts ? text.replace(PART, (_, name: string) => String(parts[name] ?? "")) : text;
}

/** A part of a sentence that is more than text: a node, or what makes one of the words it marks. */
export type RichPart<Node> = Node | ((words: string) => Node);

/** The text of a key in pieces, for sentences that hold links or marks. */
export function sayRich<Node>(
  key: TextKey,
  parts: Readonly<Record<string, RichPart<Node> | string | number>>,
): readonly (Node | string | number)[] {
  const text: string = english[key];
  const pieces: (Node | string | number)[] = [];
  let at = 0;
  for (const match of text.matchAll(PART_OR_MARK)) {
    if (match.index > at) pieces.push(text.slice(at, match.index));
    const part = parts[match[1] ?? match[2]];
    if (part instanceof Function) pieces.push(part(match[3] ?? ""));
    else if (part !== undefined) pieces.push(part);
    at = match.index + match[0].length;
  }
  if (at < text.length) pieces.push(text.slice(at));
  return pieces;
}

/** The text of a count. `shown` is the number as it is written. */
export function sayCount(noun: Noun, count: number, shown: string): string {
  const forms = english[`count.${noun}`].split(FORMS);
  const form = forms[categories.indexOf(rules.select(count))] ?? forms[forms.length - 1];
  return form.replace(PART, shown);
}
