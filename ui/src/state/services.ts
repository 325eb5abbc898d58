import { computed, signal } from "@preact/signals";
import { fetchServices } from "../api/services.ts";
import { assignColours, toldApart } from "../base/colour.ts";
import { Resource } from "./resource.ts";

/** Names of all services that sent spans lately. */
export const services = new Resource<readonly string[]>();

/** Names that pages met beside these: services too old or too new for the list. */
const metNames = signal<readonly string[]>([]);

/** Names that one picture shows side by side. */
const together = signal<readonly string[]>([]);

const colours = computed(() =>
  toldApart(
    assignColours([...(services.state.value.data ?? []), ...metNames.value]),
    together.value,
  ),
);

export function loadServices(): Promise<void> {
  return services.load("services", fetchServices);
}

/** A service that began to send a minute ago should be there to choose. */
const FRESH_MILLIS = 15_000;

/** Asks again where the list is not fresh. */
export function refreshServices(): void {
  if (Date.now() - services.state.peek().loadedAtMillis > FRESH_MILLIS) void loadServices();
}

/** Palette place of a service; the same on every page, unless a page has two that share one. */
export function colourOf(service: string): number {
  return colours.value.get(service) ?? 0;
}

/** Makes sure that these names have a colour. Call it outside of rendering. */
export function meetServices(names: Iterable<string>): void {
  const unknown = [...new Set(names)].filter((name) => !colours.peek().has(name));
  if (unknown.length > 0) metNames.value = [...metNames.peek(), ...unknown];
}

/** Keeps these apart by colour until the next picture; none of them: as on every page. The most important first. */
export function tellApart(names: readonly string[]): void {
  together.value = names;
}
