import type { ComponentChildren } from "preact";
import type { Loadable } from "../../base/result.ts";
import { say } from "../../base/say.ts";
import { FailureBox } from "../parts/states.tsx";

/** What a cell shows of its question: the answer, that it is on its way, or why there is none. */
export function Answer<T>(props: {
  readonly state: Loadable<T>;
  readonly onRetry: () => void;
  readonly isEmpty: (data: T) => boolean;
  readonly children: (data: T) => ComponentChildren;
}) {
  const { data, failure, loading } = props.state;
  return (
    <>
      {failure && (
        <FailureBox title={say("answer.noAnswer")} failure={failure} onRetry={props.onRetry} />
      )}
      {data === null && !failure && loading && (
        <p class="cell-waiting" role="status">
          <span class="drip small" aria-hidden="true" /> {say("answer.asking")}
        </p>
      )}
      {data !== null && props.isEmpty(data) && (
        <p class="hint cell-note">{say("answer.nothingMatchesInThisTimeRange")}</p>
      )}
      {data !== null && !props.isEmpty(data) && props.children(data)}
    </>
  );
}
