// Colours of services. Both palettes were searched for by program: every colour stands out from its
// ground by 3:1 or more, every two colours stay apart for people who see no red, no green or no
// blue, and none is near the red of errors or the gold of exemplars. test/unit/colour.test.ts holds them to it.
// The same place in both lists is as near a hue as can be, so that a service keeps its look.

export const SERVICE_COLOURS_LIGHT: readonly string[] = [
  "#2b97ee",
  "#7b4704",
  "#0d9298",
  "#d365aa",
  "#418509",
  "#69369b",
  "#b88472",
  "#1f6a96",
  "#a09520",
  "#946070",
  "#056641",
  "#9563cd",
];

export const SERVICE_COLOURS_DARK: readonly string[] = [
  "#339ef5",
  "#f58c34",
  "#4ce8fd",
  "#b2468b",
  "#448810",
  "#7260cb",
  "#b97057",
  "#a7baff",
  "#c4e05c",
  "#fbbfc8",
  "#23c987",
  "#a18ebc",
];

export const SERVICE_COLOUR_COUNT = SERVICE_COLOURS_LIGHT.length;

/** FNV-1a, 32 bit: the same name has the same colour on every page and every day. */
export function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}

/**
 * Gives each service a place in the palette: the one its name hashes to, or the next that no more
 * services have than any other. Depends on the set of names alone, not on their order.
 */
export function assignColours(names: Iterable<string>): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  const uses = new Array<number>(SERVICE_COLOUR_COUNT).fill(0);
  for (const name of [...new Set(names)].sort()) {
    const least = Math.min(...uses);
    let place = hashName(name) % SERVICE_COLOUR_COUNT;
    while (uses[place] > least) place = (place + 1) % SERVICE_COLOUR_COUNT;
    uses[place] += 1;
    places.set(name, place);
  }
  return places;
}

/**
 * The same places, but for services that are seen side by side: of those that share one, all but the first take one that
 * none of them has, as long as there is one. `together` has the most important first.
 */
export function toldApart(
  places: ReadonlyMap<string, number>,
  together: readonly string[],
): ReadonlyMap<string, number> {
  const taken = new Set<number>();
  const sharing: string[] = [];
  for (const name of together) {
    const place = places.get(name);
    if (place === undefined) continue;
    if (taken.has(place)) sharing.push(name);
    taken.add(place);
  }
  const moved = new Map(places);
  for (const name of sharing) {
    const from = places.get(name) ?? 0;
    for (let step = 1; step < SERVICE_COLOUR_COUNT; step++) {
      const place = (from + step) % SERVICE_COLOUR_COUNT;
      if (taken.has(place)) continue;
      taken.add(place);
      moved.set(name, place);
      break;
    }
  }
  return moved;
}

/** The bytes of `#rrggbb`, or of `#rgb`, to which the build shortens what it can. */
function bytesOf(hex: string): readonly [number, number, number] {
  const long = hex.length === 4 ? hex.replaceAll(/[^#]/g, "$&$&") : hex;
  const byte = (at: number) => Number.parseInt(long.slice(at, at + 2), 16);
  return [byte(1), byte(3), byte(5)];
}

/** Linear red, green and blue, 0 to 1, of a colour in hex digits. */
export function linearRgb(hex: string): readonly [number, number, number] {
  const linear = (byte: number) => {
    const value = byte / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  const [red, green, blue] = bytesOf(hex);
  return [linear(red), linear(green), linear(blue)];
}

/** WCAG's contrast ratio of two colours, 1 to 21. */
export function contrastRatio(one: string, other: string): number {
  const luminance = (hex: string) => {
    const [red, green, blue] = linearRgb(hex);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}

/** A colour in hex digits with an opacity of 0 to 1, as `rgba()`. */
export function withAlpha(hex: string, alpha: number): string {
  return `rgba(${bytesOf(hex).join(", ")}, ${alpha})`;
}
