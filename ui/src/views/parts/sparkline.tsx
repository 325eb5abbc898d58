/** A line over time without axes; the figure stands beside it. Not a number: nothing was measured then. */
export function Sparkline(props: {
  readonly values: readonly number[];
  readonly label: string;
  readonly colour: string;
  readonly isFilled?: boolean;
}) {
  const { values } = props;
  const highest = Math.max(...values.filter((value) => !Number.isNaN(value)), 0);
  const [width, height] = [88, 22];
  const x = (at: number) => (values.length < 2 ? 0 : (at / (values.length - 1)) * width);
  const y = (value: number) => height - 1.5 - (highest > 0 ? value / highest : 0) * (height - 3);
  // A value that is lacking is a gap in the line.
  const isLacking = (at: number) => at < 0 || Number.isNaN(values[at]);
  const line = values
    .map((value, at) => {
      if (isLacking(at)) return "";
      const isAlone = isLacking(at - 1) && (at + 1 >= values.length || isLacking(at + 1));
      const end = isAlone ? "h1.5" : "";
      return `${isLacking(at - 1) ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}${end}`;
    })
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
