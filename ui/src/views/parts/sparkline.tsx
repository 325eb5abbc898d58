/** A line over time without axes; the figure stands beside it. */
export function Sparkline(props: {
  readonly values: readonly number[];
  readonly label: string;
  readonly colour: string;
  readonly isFilled?: boolean;
}) {
  const { values } = props;
  const highest = Math.max(...values, 0);
  const [width, height] = [88, 22];
  const x = (at: number) => (values.length < 2 ? 0 : (at / (values.length - 1)) * width);
  const y = (value: number) => height - 1.5 - (highest > 0 ? value / highest : 0) * (height - 3);
  const line = values
    .map((value, at) => `${at === 0 ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`)
    .join("");
  return (
    <svg
      class="sparkline"
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      role="img"
      aria-label={props.label}
    >
      {values.length > 1 && (
        <>
          {props.isFilled && (
            <path
              d={`${line}L${width} ${height}L0 ${height}Z`}
              fill={props.colour}
              opacity="0.16"
            />
          )}
          <path d={line} fill="none" stroke={props.colour} stroke-width="1.5" />
        </>
      )}
    </svg>
  );
}
