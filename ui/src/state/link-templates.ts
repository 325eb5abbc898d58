import { computed, signal } from "@preact/signals";
import { fetchLinks, givenLink } from "../api/status.ts";
import { asArray, asObject } from "../base/json.ts";
import type { LinkSource, LinkTemplate } from "../model/link-template.ts";

const STORED = "sigyn.links";

/** The person's own templates. Kept in this browser, not in the URL. */
const ownTemplates = signal<readonly LinkTemplate[]>(stored());
/** Those that the server's configuration gives to everybody. */
const givenTemplates = signal<readonly LinkTemplate[]>([]);
let isAsked = false;

export interface KnownTemplate extends LinkTemplate {
  /** Whether the person made it, and can forget it. */
  readonly isOwn: boolean;
}

export const linkTemplates = computed<readonly KnownTemplate[]>(() => [
  ...givenTemplates.value.map((template) => ({ ...template, isOwn: false })),
  ...ownTemplates.value.map((template) => ({ ...template, isOwn: true })),
]);

/** Asks the server for its templates, once. */
export async function loadLinkTemplates(): Promise<void> {
  if (isAsked) return;
  isAsked = true;
  const result = await fetchLinks();
  if (result.ok) givenTemplates.value = result.value;
  else isAsked = false;
}

export function keepLinkTemplate(template: LinkTemplate): void {
  store([...ownTemplates.peek(), template]);
}

export function forgetLinkTemplate(template: LinkTemplate): void {
  const isIt = (one: LinkTemplate) =>
    one.name === template.name && one.url === template.url && one.of === template.of;
  store(ownTemplates.peek().filter((one) => !isIt(one)));
}

export function templatesOf(source: LinkSource): readonly KnownTemplate[] {
  return linkTemplates.value.filter((template) => template.of === source);
}

function store(templates: readonly LinkTemplate[]): void {
  ownTemplates.value = templates;
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
      .flatMap(givenLink);
  } catch {
    return [];
  }
}
