// What the canvases take from the style sheet, read once for each change of theme.

import { SERVICE_COLOURS_DARK, SERVICE_COLOURS_LIGHT } from "../base/colour.ts";

export interface Theme {
  readonly name: "light" | "dark";
  readonly ground: string;
  readonly raised: string;
  readonly line: string;
  readonly lineStrong: string;
  readonly text: string;
  readonly textMuted: string;
  readonly accent: string;
  readonly error: string;
  readonly warn: string;
  readonly exemplar: string;
  readonly font: string;
  readonly services: readonly string[];
}

export function readTheme(name: "light" | "dark"): Theme {
  const style = getComputedStyle(document.documentElement);
  const variable = (key: string) => style.getPropertyValue(`--${key}`).trim();
  return {
    name,
    ground: variable("surface"),
    raised: variable("surface-raised"),
    line: variable("line"),
    lineStrong: variable("line-strong"),
    text: variable("text"),
    textMuted: variable("text-muted"),
    accent: variable("accent"),
    error: variable("error"),
    warn: variable("warn"),
    exemplar: variable("exemplar"),
    font: variable("font"),
    services: name === "dark" ? SERVICE_COLOURS_DARK : SERVICE_COLOURS_LIGHT,
  };
}
