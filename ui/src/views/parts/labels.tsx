import { labelPairs } from "../../model/series.ts";

export function LabelList(props: {
  readonly labels: Readonly<Record<string, string>>;
  /** Labels that stand elsewhere on the page. */
  readonly without?: readonly string[];
}) {
  const pairs = labelPairs(props.labels).filter(([key]) => !props.without?.includes(key));
  return (
    <span class="labels">
      {pairs.map(([key, value]) => (
        <span key={key} class="label">
          <span class="label-key">{key}</span>
          <span class="label-value">{value}</span>
        </span>
      ))}
    </span>
  );
}
