import { useState } from "preact/hooks";
import { say } from "../../base/say.ts";
import {
  bounds,
  formatRange,
  parseRange,
  RANGES_SECONDS,
  type TimeRange,
} from "../../model/time-range.ts";

/** Some stretch up to now, or two moments. */
export function RangePicker(props: {
  readonly range: TimeRange;
  readonly onChange: (range: TimeRange) => void;
}) {
  const { range, onChange } = props;
  const isKnown =
    range.kind === "last" && RANGES_SECONDS.some(([seconds]) => seconds === range.seconds);
  const choose = (text: string) => {
    if (text === "between") {
      const { start, end } = bounds(range, Date.now());
      onChange({ kind: "between", startSeconds: Math.floor(start), endSeconds: end });
      return;
    }
    const chosen = parseRange(text);
    if (chosen) onChange(chosen);
  };
  return (
    <div class="range">
      <select
        aria-label={say("rangePicker.timeRange")}
        value={range.kind === "between" ? "between" : formatRange(range)}
        onChange={(event) => choose(event.currentTarget.value)}
      >
        {RANGES_SECONDS.map(([seconds, label]) => (
          <option key={seconds} value={formatRange({ kind: "last", seconds })}>
            {label}
          </option>
        ))}
        {range.kind === "last" && !isKnown && (
          <option value={formatRange(range)}>
            {say("rangePicker.lastOf", { range: formatRange(range) })}
          </option>
        )}
        <option value="between">{say("rangePicker.fromTo")}</option>
      </select>
      {range.kind === "between" && <Moments range={range} onChange={onChange} />}
    </div>
  );
}

function Moments(props: {
  readonly range: TimeRange & { readonly kind: "between" };
  readonly onChange: (range: TimeRange) => void;
}) {
  const { startSeconds, endSeconds } = props.range;
  const [isWrong, setWrong] = useState(false);
  const change = (start: number, end: number) => {
    const isGood = end > start;
    setWrong(!isGood);
    if (isGood) props.onChange({ kind: "between", startSeconds: start, endSeconds: end });
  };
  return (
    <>
      <input
        type="datetime-local"
        step="1"
        aria-label={say("rangePicker.from")}
        aria-invalid={isWrong}
        value={localText(startSeconds)}
        onChange={(event) => change(secondsOf(event.currentTarget.value), endSeconds)}
      />
      <input
        type="datetime-local"
        step="1"
        aria-label={say("rangePicker.to")}
        aria-invalid={isWrong}
        title={isWrong ? say("rangePicker.theEndMustBeAfterThe") : undefined}
        value={localText(endSeconds)}
        onChange={(event) => change(startSeconds, secondsOf(event.currentTarget.value))}
      />
    </>
  );
}

function localText(seconds: number): string {
  const date = new Date(seconds * 1000);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

function secondsOf(text: string): number {
  return Math.floor(Date.parse(text) / 1000) || 0;
}
