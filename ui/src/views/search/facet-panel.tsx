import { useState } from "preact/hooks";
import { formatCount } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import type { Facet } from "../../model/found-traces.ts";
import { ServiceName } from "../parts/service.tsx";

const VALUES_SHOWN = 7;

/** Values with counts; a click narrows the search to one. */
export function FacetPanel(props: {
  readonly facets: readonly Facet[];
  /** What was counted: `in 100 loaded traces`. */
  readonly basis: string;
  readonly onChoose: (field: string, value: string) => void;
}) {
  const shown = props.facets.filter((facet) => facet.values.length > 1 || facet.field === "status");
  if (shown.length === 0) return null;
  return (
    <section class="facets card" aria-label={say("facetPanel.countsByValue")}>
      <p class="hint">{props.basis}</p>
      {shown.map((facet) => (
        <FacetList key={facet.field} facet={facet} onChoose={props.onChoose} />
      ))}
    </section>
  );
}

function FacetList(props: {
  readonly facet: Facet;
  readonly onChoose: (field: string, value: string) => void;
}) {
  const { facet } = props;
  const [isOpen, setOpen] = useState(false);
  const hidden = facet.values.length - VALUES_SHOWN;
  const highest = Math.max(1, ...facet.values.map((one) => one.count));
  if (facet.values.length === 0) return null;
  return (
    <div class="facet">
      <h2 title={facet.field}>{facet.label}</h2>
      <ul>
        {facet.values.slice(0, isOpen ? undefined : VALUES_SHOWN).map(({ value, count }) => (
          <li key={value}>
            <button
              type="button"
              class="facet-value"
              title={`Only ${facet.field} = ${value}`}
              onClick={() => props.onChoose(facet.field, value)}
            >
              <span
                class="facet-bar"
                style={{ width: `${(count / highest) * 100}%` }}
                aria-hidden="true"
              />
              <span class="ellipsis">
                {facet.field === "resource.service.name" ? (
                  <ServiceName name={value} />
                ) : (
                  value || say("facetPanel.empty")
                )}
              </span>
              <span class="number muted">{formatCount(count)}</span>
            </button>
          </li>
        ))}
      </ul>
      {hidden > 0 && (
        <button
          type="button"
          class="link facet-more"
          aria-expanded={isOpen}
          onClick={() => setOpen(!isOpen)}
        >
          {isOpen ? say("facetPanel.fewerValues") : say("facetPanel.moreValues", { count: hidden })}
        </button>
      )}
    </div>
  );
}
