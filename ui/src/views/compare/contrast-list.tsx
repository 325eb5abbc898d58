import type { Contrast } from "../../api/contrast.ts";
import type { Loadable } from "../../base/result.ts";
import { say, sayRich } from "../../base/say.ts";
import { type TellingField, tellingFields } from "../../model/telling.ts";
import { formatShare } from "../parts/shares.ts";

const FIELDS_SHOWN = 9;
const VALUES_SHOWN = 4;

/** The attributes that set the sides apart, the most telling first. */
export function ContrastList(props: {
  readonly state: Loadable<Contrast>;
  readonly isTraces: boolean;
}) {
  const { data, failure, loading } = props.state;
  if (failure)
    return <p class="hint">{say("contrastList.notCompared", { sentence: failure.sentence })}</p>;
  if (!data) {
    return loading ? (
      <p class="hint contrast-waiting" role="status">
        {say("contrastList.comparingAttributes")}
      </p>
    ) : null;
  }
  const telling = tellingFields(data);
  return (
    <section class="contrast" aria-label={say("contrastList.whatSetsThemApart")}>
      <h2>
        {sayRich(props.isTraces ? "contrastList.headOfTraces" : "contrastList.head", {
          note: (words) => <span class="muted">{words}</span>,
        })}
      </h2>
      {telling.length === 0 ? (
        <p class="muted">{say("contrastList.theirAttributesAreSpreadAlike")}</p>
      ) : (
        <div class="contrast-grid">
          {telling.slice(0, FIELDS_SHOWN).map((field) => (
            <FieldCard key={field.field} field={field} contrast={data} />
          ))}
        </div>
      )}
    </section>
  );
}

function FieldCard(props: { readonly field: TellingField; readonly contrast: Contrast }) {
  const { field, contrast } = props;
  return (
    <div class="card contrast-field">
      <h3>
        <code>{field.field}</code>
        <span class="number muted" title={say("contrastList.0SpreadAlike100NoValue")}>
          {formatShare(field.difference)}
        </span>
      </h3>
      {field.alike.length > 0 && (
        <p class="hint ellipsis" title={field.alike.join("\n")}>
          {say("contrastList.alike", { fields: field.alike.join(", ") })}
        </p>
      )}
      {field.values.slice(0, VALUES_SHOWN).map(({ value, selection, baseline }) => {
        const a = selection / Math.max(1, contrast.selectionSpans);
        const b = baseline / Math.max(1, contrast.baselineSpans);
        return (
          <div key={String(value)} class="contrast-value">
            <span
              class={value === null ? "ellipsis muted" : "ellipsis"}
              title={value ?? say("contrastList.absent")}
            >
              {value ?? say("contrastList.absent2")}
            </span>
            <span class="contrast-bars" aria-hidden="true">
              <span class="bar-a" style={{ width: `${a * 100}%` }} />
              <span class="bar-b" style={{ width: `${b * 100}%` }} />
            </span>
            <span class="number muted contrast-shares">
              {formatShare(a)} / {formatShare(b)}
            </span>
          </div>
        );
      })}
    </div>
  );
}
