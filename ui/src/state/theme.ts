import { computed, effect, signal } from "@preact/signals";
import { readTheme } from "../render/theme.ts";

export type ThemeChoice = "auto" | "light" | "dark";

const STORED = "sigyn.theme";
const systemDark = matchMedia("(prefers-color-scheme: dark)");
const systemIsDark = signal(systemDark.matches);
systemDark.addEventListener("change", (event) => {
  systemIsDark.value = event.matches;
});

/** What the person chose; "auto" follows the system. Kept in this browser, not in the URL. */
export const themeChoice = signal<ThemeChoice>(storedChoice());

const themeName = computed(() =>
  themeChoice.value === "auto" ? (systemIsDark.value ? "dark" : "light") : themeChoice.value,
);

/** Colours for the canvases. */
export const theme = computed(() => {
  const name = themeName.value;
  document.documentElement.dataset.theme = name;
  return readTheme(name);
});

/** Sets the theme on the document and keeps the choice. Called once, before the first drawing. */
export function startTheme(): void {
  effect(() => {
    document.documentElement.dataset.theme = themeName.value;
    try {
      localStorage.setItem(STORED, themeChoice.value);
    } catch {
      // Storage is switched off: the choice lasts as long as the page.
    }
  });
}

function storedChoice(): ThemeChoice {
  try {
    const stored = localStorage.getItem(STORED);
    return stored === "light" || stored === "dark" ? stored : "auto";
  } catch {
    return "auto";
  }
}
