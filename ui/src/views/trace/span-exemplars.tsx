import { say } from "../../base/say.ts";
import { formatClock, millisFromNanos } from "../../base/time.ts";
import { formatValue, type PlacedExemplar, unitOf } from "../../model/exemplars.ts";
import { seriesFields } from "../../model/link-template.ts";
import { seriesName } from "../../model/series.ts";
import { formatRoute } from "../../state/url.ts";
import { Icon } from "../parts/icon.tsx";
import { LabelList } from "../parts/labels.tsx";
import { TemplateChooser, TemplateLinks } from "../parts/template-links.tsx";

/** A series' exemplars are shown this far round the moment of the one that is looked at. */
const AROUND_SECONDS = 900;

/** The series that a span is an exemplar of, and the ways to them. */
export function SpanExemplars(props: { readonly exemplars: readonly PlacedExemplar[] }) {
  return (
    <details class="detail-section" open>
      <summary>
        {say("spanExemplars.title")} <span class="number muted">{props.exemplars.length}</span>
      </summary>
      {props.exemplars.map(({ exemplar, series }) => {
        const name = exemplar.seriesLabels.__name__ ?? "";
        const atMillis = millisFromNanos(exemplar.time);
        return (
          <div key={`${series} ${exemplar.time}`} class="detail-exemplar">
            <p>
              <span class="diamond" aria-hidden="true" />
              <strong class="mono">{name}</strong>
              <strong class="number">{formatValue(exemplar.value, unitOf(name))}</strong>
              <span class="number muted">{formatClock(exemplar.time, true)}</span>
            </p>
            <LabelList labels={exemplar.seriesLabels} />
            <p class="detail-links">
              <a class="small-button" href={exemplarsPage(exemplar.seriesLabels, atMillis)}>
                <Icon name="link" /> {say("spanExemplars.itsExemplars")}
              </a>
              <TemplateLinks of="series" fields={seriesFields(exemplar.seriesLabels, atMillis)} />
            </p>
          </div>
        );
      })}
      <TemplateChooser of="series" />
    </details>
  );
}

/** All buckets of the series, because one bucket has one exemplar at a time. */
function exemplarsPage(labels: Readonly<Record<string, string>>, atMillis: number): string {
  const { le: _, ...others } = labels;
  const at = Math.round(atMillis / 1000);
  return formatRoute({
    page: "exemplars",
    query: seriesName(others),
    range: {
      kind: "between",
      startSeconds: at - AROUND_SECONDS,
      endSeconds: Math.min(at + AROUND_SECONDS, Math.ceil(Date.now() / 1000)),
    },
  });
}
