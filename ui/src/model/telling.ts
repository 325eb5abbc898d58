// Which attributes say most about what sets two sets of spans apart.

import type { Contrast, ContrastField } from "../api/contrast.ts";

/** Less than this is chance. */
const DIFFERENCE_MIN = 0.04;
/** A field none of whose values reaches this share names spans instead of sorting them: an ID, a time, a counter. */
const VALUE_SHARE_MIN = 0.02;

export interface TellingField extends ContrastField {
  /** Other fields that split the spans in the same way, and tell nothing new. */
  readonly alike: readonly string[];
}

/** The fields that differ, those that merely name things last: that a session differs from all others tells nothing. */
export function tellingFields(contrast: Contrast): readonly TellingField[] {
  const byCounts = new Map<string, TellingField>();
  for (const field of contrast.fields) {
    if (field.difference < DIFFERENCE_MIN) continue;
    const counts = field.values.map(({ selection, baseline }) => `${selection}/${baseline}`);
    const key = counts.join(" ");
    const known = byCounts.get(key);
    byCounts.set(
      key,
      known ? { ...known, alike: [...known.alike, field.field] } : { ...field, alike: [] },
    );
  }
  const telling = [...byCounts.values()];
  const isName = (field: ContrastField) => namesThings(field, contrast);
  return [...telling.filter((field) => !isName(field)), ...telling.filter(isName)];
}

function namesThings(field: ContrastField, contrast: Contrast): boolean {
  const values = field.values.filter(({ value }) => value !== null);
  return (
    values.length > 1 &&
    values.every(
      ({ selection, baseline }) =>
        selection / Math.max(1, contrast.selectionSpans) < VALUE_SHARE_MIN &&
        baseline / Math.max(1, contrast.baselineSpans) < VALUE_SHARE_MIN,
    )
  );
}
