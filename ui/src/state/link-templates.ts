import { signal } from "@preact/signals";
import { asArray, asObject, asString } from "../base/json.ts";
import type { LinkTemplate } from "../model/link-template.ts";

const STORED = "sigyn.links";

/** The person's templates. Kept in this browser, not in the URL. */
export const linkTemplates = signal<readonly LinkTemplate[]>(stored());

export function setLinkTemplates(templates: readonly LinkTemplate[]): void {
  linkTemplates.value = templates;
  try {
    localStorage.setItem(STORED, JSON.stringify(templates));
  } catch {
    // Storage is switched off: the templates last as long as the page.
  }
}

function stored(): readonly LinkTemplate[] {
  try {
    return asArray(JSON.parse(localStorage.getItem(STORED) ?? "[]"))
      .map(asObject)
      .map((one) => ({ name: asString(one.name), url: asString(one.url) }))
      .filter((one) => one.url !== "");
  } catch {
    return [];
  }
}
