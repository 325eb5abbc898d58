import { fetchCompletion } from "../../api/complete.ts";
import { formatCount } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { queryHistory } from "../../state/query-history.ts";
import type { EditorCompletions } from "./codemirror.ts";

type Option = EditorCompletions["options"][number];

const KEPT_MILLIS = 20_000;
const KEPT_MAX = 200;
const answers = new Map<string, { readonly atMillis: number; readonly found: EditorCompletions }>();

const STARTS: readonly Option[] = [
  {
    label: "{ status = error }",
    detail: say("complete.whatFailed"),
    insert: "{ status = error }",
    kind: "value",
  },
  {
    label: "{ duration > 1s }",
    detail: say("complete.whatWasSlow"),
    insert: "{ duration > 1s }",
    kind: "value",
  },
];

/** What fits at the cursor. Answers are kept for a while: a person types faster than a server answers. */
export async function completeQuery(text: string, at: number): Promise<EditorCompletions | null> {
  if (text.trim() === "") {
    const recent = queryHistory
      .peek()
      .map((query) => ({ label: query, detail: "recent", insert: query, kind: "value" }));
    return { from: 0, options: [...recent, ...STARTS] };
  }
  const key = `${at} ${text.slice(0, at)}`;
  const known = answers.get(key);
  if (known && Date.now() - known.atMillis < KEPT_MILLIS) return known.found;
  const answer = await fetchCompletion(text, at);
  if (!answer.ok) return null;
  const options = answer.value.candidates.map(
    ({ text: label, kind, count }): Option => ({
      label,
      detail: count === null ? (kind === "value" ? "" : kind) : formatCount(count),
      insert: `${label} `,
      kind,
    }),
  );
  const found = { from: answer.value.from, options };
  if (answers.size >= KEPT_MAX) answers.clear();
  answers.set(key, { atMillis: Date.now(), found });
  return found;
}
