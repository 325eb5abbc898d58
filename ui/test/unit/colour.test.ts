import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import {
  assignColours,
  contrastRatio,
  linearRgb,
  SERVICE_COLOUR_COUNT,
  SERVICE_COLOURS_DARK,
  SERVICE_COLOURS_LIGHT,
  toldApart,
  withAlpha,
} from "../../src/base/colour.ts";

const THEMES = [
  { name: "light", colours: SERVICE_COLOURS_LIGHT, ground: "#ffffff" },
  { name: "dark", colours: SERVICE_COLOURS_DARK, ground: "#141a1d" },
] as const;

type Matrix = readonly (readonly number[])[];

/** What linear light becomes for each kind of eye (Machado, Oliveira, Fernandes 2009, full strength). */
const EYES: Readonly<Record<string, Matrix>> = {
  "full colour": [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  "no red": [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  "no green": [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  "no blue": [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

/** A difference that neighbours in a chart can be told apart by; just noticeable is about 0.02. */
const DISTANCE_MIN = 0.05;

function multiply(matrix: Matrix, vector: readonly number[]): number[] {
  return matrix.map((row) => row.reduce((sum, factor, at) => sum + factor * vector[at], 0));
}

/** Oklab: distances in it follow what eyes see. */
function oklab(linear: readonly number[]): number[] {
  const clamped = linear.map((value) => Math.min(1, Math.max(0, value)));
  const cones = multiply(
    [
      [0.4122214708, 0.5363325363, 0.0514459929],
      [0.2119034982, 0.6806995451, 0.1073969566],
      [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    clamped,
  ).map(Math.cbrt);
  return multiply(
    [
      [0.2104542553, 0.793617785, -0.0040720468],
      [1.9779984951, -2.428592205, 0.4505937099],
      [0.0259040371, 0.7827717662, -0.808675766],
    ],
    cones,
  );
}

describe.each(THEMES)("the $name palette", ({ colours, ground }) => {
  test("stands out from its ground", () => {
    for (const colour of colours) {
      expect(contrastRatio(colour, ground), colour).toBeGreaterThanOrEqual(3);
    }
  });

  test.each(Object.entries(EYES))("can be told apart by eyes with %s", (_, eye) => {
    const seen = colours.map((colour) => oklab(multiply(eye, linearRgb(colour))));
    for (let i = 0; i < seen.length; i++) {
      for (let j = 0; j < i; j++) {
        const distance = Math.hypot(...seen[i].map((value, at) => value - seen[j][at]));
        expect(distance, `${colours[i]} and ${colours[j]}`).toBeGreaterThan(DISTANCE_MIN);
      }
    }
  });
});

test("both palettes have the same places", () => {
  expect(SERVICE_COLOURS_DARK.length).toBe(SERVICE_COLOURS_LIGHT.length);
});

describe("places of services", () => {
  const names = Array.from({ length: SERVICE_COLOUR_COUNT }, (_, i) => `service-${i}`);

  test("no two share a colour while there are enough", () => {
    expect(new Set(assignColours(names).values()).size).toBe(SERVICE_COLOUR_COUNT);
  });

  test("more services than colours are spread evenly", () => {
    const many = Array.from({ length: 3 * SERVICE_COLOUR_COUNT }, (_, i) => `more-${i}`);
    const uses = new Map<number, number>();
    for (const place of assignColours(many).values()) uses.set(place, (uses.get(place) ?? 0) + 1);
    expect([...uses.values()]).toEqual(Array(SERVICE_COLOUR_COUNT).fill(3));
  });

  test("the order of names does not matter", () => {
    expect(assignColours([...names].reverse())).toEqual(assignColours(names));
  });
});

describe("services that are seen side by side", () => {
  const many = assignColours(Array.from({ length: 40 }, (_, i) => `service-${i}`));
  const sharing = [...many].filter(([, place]) => place === 3).map(([name]) => name);
  const others = [...many].filter(([, place]) => place > 6).map(([name]) => name);
  const together = [...sharing, ...others].slice(0, SERVICE_COLOUR_COUNT);

  test("share no colour while there are enough, and the first keeps its own", () => {
    expect(sharing.length).toBeGreaterThan(2);
    const apart = toldApart(many, together);
    const seen = [...sharing, ...others.slice(0, 3)];
    expect(new Set(seen.map((name) => toldApart(many, seen).get(name))).size).toBe(seen.length);
    expect(apart.get(sharing[0])).toBe(3);
  });

  test("leave the others as they are on every page", () => {
    const apart = toldApart(many, together);
    for (const [name, place] of many) {
      if (!sharing.slice(1).includes(name) && !others.includes(name)) {
        expect(apart.get(name), name).toBe(place);
      }
    }
    expect(toldApart(many, [])).toEqual(many);
  });
});

/** The tokens of a theme, by name. */
function tokensOf(theme: string): ReadonlyMap<string, string> {
  const path = resolve(import.meta.dirname, "../../src/styles/tokens.css");
  const block = readFileSync(path, "utf8").split(`[data-theme="${theme}"] {`)[1].split("}")[0];
  return new Map(
    [...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map((match) => [match[1], match[2]]),
  );
}

const READABLE_MIN = 4.5;
const GROUNDS = ["ground", "surface", "surface-raised"];
const WORDS: Readonly<Record<string, readonly string[]>> = {
  text: [...GROUNDS, "accent-soft", "error-soft", "warn-soft", "good-soft", "exemplar-soft"],
  "text-muted": [...GROUNDS, "accent-soft"],
  accent: [...GROUNDS, "accent-soft", "warn-soft", "exemplar-soft"],
  error: [...GROUNDS, "error-soft"],
  warn: ["surface", "warn-soft"],
  good: ["surface", "surface-raised", "good-soft"],
  "accent-text": ["accent"],
  "side-a": GROUNDS,
  "side-b": GROUNDS,
  "syntax-text": ["surface"],
  "syntax-number": ["surface"],
  "syntax-keyword": ["surface"],
};

describe.each(["light", "dark"])("words in the %s theme", (theme) => {
  const tokens = tokensOf(theme);
  const pairs = Object.entries(WORDS).flatMap(([words, grounds]) =>
    grounds.map((ground) => [words, ground] as const),
  );

  test.each(pairs)("%s can be read on %s (WCAG AA)", (words, ground) => {
    const ratio = contrastRatio(tokens.get(words) ?? "", tokens.get(ground) ?? "");
    expect(ratio).toBeGreaterThanOrEqual(READABLE_MIN);
  });
});

test("a colour that the build has shortened is the same colour", () => {
  expect(withAlpha("#ffffff", 0.5)).toBe("rgba(255, 255, 255, 0.5)");
  expect(withAlpha("#fff", 0.5)).toBe("rgba(255, 255, 255, 0.5)");
  expect(linearRgb("#1a0")).toEqual(linearRgb("#11aa00"));
});
