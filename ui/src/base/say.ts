// All that the pages say, by key. english.json is the one file to translate: whoever adds a language adds such a
// file and chooses here. A part in braces is put in; a count has a form for one and a form for others.

import english from "./english.json";

export type TextKey = keyof typeof english;
/** What can be counted: the keys below `count.`. */
export type Noun = TextKey extends infer Key
  ? Key extends `count.${infer Name}`
    ? Name
    : never
  : never;

const PART = /\{(\w+)\}/g;
const FORMS = " | ";

/** The text of a key, with its parts put in. */
export function say(key: TextKey, parts?: Readonly<Record<string, string | number>>): string {
  const text = english[key];
  return parts ? text.replace(PART, (_, name: string) => String(parts[name] ?? "")) : text;
}

/** The text of a count. `shown` is the number as it is written. */
export function sayCount(noun: Noun, count: number, shown: string): string {
  const [one, others] = english[`count.${noun}`].split(FORMS);
  return (count === 1 ? one : others).replace(PART, shown);
}
