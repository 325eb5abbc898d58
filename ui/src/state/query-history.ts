import { signal } from "@preact/signals";

const STORED = "sigyn.queries";
const KEPT_MAX = 30;

/** Queries that were run in this browser, newest first. */
export const queryHistory = signal<readonly string[]>(stored());

export function rememberQuery(query: string): void {
  const text = query.trim();
  if (text === "" || text === queryHistory.peek()[0]) return;
  queryHistory.value = [text, ...queryHistory.peek().filter((one) => one !== text)].slice(
    0,
    KEPT_MAX,
  );
  try {
    localStorage.setItem(STORED, JSON.stringify(queryHistory.value));
  } catch {
    // Storage is switched off: the history lasts as long as the page.
  }
}

function stored(): readonly string[] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(STORED) ?? "[]");
    return Array.isArray(list) ? list.filter((one) => typeof one === "string") : [];
  } catch {
    return [];
  }
}
