import { useMemo, useState } from "preact/hooks";
import type { Exemplar } from "../../api/exemplars.ts";
import { counted } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { formatAgo, formatClock, formatDateTime, millisFromNanos } from "../../base/time.ts";
import { commonLabels, formatValue, unitOf } from "../../model/exemplars.ts";
import { seriesFields } from "../../model/link-template.ts";
import { nowMillis } from "../../state/clock.ts";
import { formatRoute, traceRoute } from "../../state/url.ts";
import { LabelList } from "../parts/labels.tsx";
import { TableFrame } from "../parts/table-frame.tsx";
import { TemplateLinks } from "../parts/template-links.tsx";

/** Rows at first, and how many more at a time: each has a dozen labels, and the newest are what is looked for. */
const ROWS_STEP = 40;

export function ExemplarTable(props: {
  readonly exemplars: readonly Exemplar[];
  /** How many there are, of which these are the newest. */
  readonly count: number;
}) {
  const { exemplars: newest, count } = props;
  const [limit, setLimit] = useState(ROWS_STEP);
  const common = useMemo(() => commonLabels(newest.map((one) => one.seriesLabels)), [newest]);
  const shown = newest.slice(0, limit);
  const without = Object.keys(common);
  return (
    <>
      {without.length > 0 && (
        <p class="common-labels">
          <span class="muted">{say("exemplars.allHave")}</span>
          {common.__name__ && <strong class="mono">{common.__name__}</strong>}
          <LabelList labels={common} />
        </p>
      )}
      <TableFrame label={say("exemplars.exemplars")}>
        <table class="table exemplars">
          <thead>
            <tr>
              <th scope="col">{say("exemplars.time")}</th>
              <th scope="col" class="right">
                {say("exemplars.value")}
              </th>
              <th scope="col">{say("exemplars.series")}</th>
              <th scope="col">{say("exemplars.trace")}</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((one, at) => (
              <Row
                key={`${one.time} ${one.traceId} ${at}`}
                exemplar={one}
                without={without}
                isNamed={common.__name__ === undefined}
              />
            ))}
          </tbody>
        </table>
      </TableFrame>
      <p class="table-end hint">
        <span>
          {say("exemplars.newestShown", {
            shown: shown.length,
            exemplars: counted(count, "exemplar"),
          })}
        </span>
        {newest.length > limit && (
          <button type="button" class="link" onClick={() => setLimit(limit + ROWS_STEP)}>
            {say("exemplars.showMore")}
          </button>
        )}
      </p>
    </>
  );
}

function Row(props: {
  readonly exemplar: Exemplar;
  readonly without: readonly string[];
  readonly isNamed: boolean;
}) {
  const { exemplar: one } = props;
  const name = one.seriesLabels.__name__ ?? "";
  const atMillis = millisFromNanos(one.time);
  return (
    <tr>
      <td class="number nowrap" title={formatDateTime(one.time, true)}>
        {formatClock(one.time)} <span class="muted">{formatAgo(atMillis, nowMillis.value)}</span>
      </td>
      <td class="number right nowrap" title={String(one.value)}>
        <strong>{formatValue(one.value, unitOf(name))}</strong>
      </td>
      <td>
        <div class="exemplar-series">
          {props.isNamed && <span class="series-name">{name}</span>}
          <LabelList labels={one.seriesLabels} without={props.without} />
          <TemplateLinks of="series" fields={seriesFields(one.seriesLabels, atMillis)} />
        </div>
      </td>
      <td class="mono nowrap">
        {one.traceId ? (
          <a href={formatRoute(traceRoute(one.traceId, one.spanId))} title={one.traceId}>
            <span class="diamond" aria-hidden="true" />
            {one.traceId.slice(0, 16)}…
          </a>
        ) : (
          <span class="muted">{say("exemplars.noTraceId")}</span>
        )}
      </td>
    </tr>
  );
}
