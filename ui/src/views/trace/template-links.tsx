import { useState } from "preact/hooks";
import type { Span } from "../../api/otlp.ts";
import { fillTemplate, TEMPLATE_FIELDS } from "../../model/link-template.ts";
import { linkTemplates, setLinkTemplates } from "../../state/link-templates.ts";
import { Icon } from "../parts/icon.tsx";

/** Ways from this span to its logs and metrics, by templates that the person keeps. */
export function TemplateLinks({
  span,
  traceId,
}: {
  readonly span: Span;
  readonly traceId: string;
}) {
  const [isAdding, setAdding] = useState(false);
  const templates = linkTemplates.value;
  return (
    <div class="detail-links">
      {templates.map((template, at) => {
        const href = fillTemplate(template.url, span, traceId);
        return (
          <span key={`${template.name} ${template.url}`} class="detail-link">
            {href ? (
              <a class="small-button" href={href} target="_blank" rel="noreferrer noopener">
                <Icon name="link" /> {template.name}
              </a>
            ) : (
              <span class="small-button muted" title={`This span lacks a field of ${template.url}`}>
                {template.name}
              </span>
            )}
            <button
              type="button"
              class="icon-button"
              aria-label={`Forget the link ${template.name}`}
              onClick={() => setLinkTemplates(templates.filter((_, i) => i !== at))}
            >
              <Icon name="close" />
            </button>
          </span>
        );
      })}
      {isAdding ? (
        <AddForm onDone={() => setAdding(false)} />
      ) : (
        <button type="button" class="link" onClick={() => setAdding(true)}>
          {templates.length === 0 ? "Link spans to logs or metrics…" : "add a link…"}
        </button>
      )}
    </div>
  );
}

function AddForm({ onDone }: { readonly onDone: () => void }) {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const url = String(form.get("url") ?? "").trim();
    const name = String(form.get("name") ?? "").trim() || "Link";
    if (/^https?:\/\//.test(url)) setLinkTemplates([...linkTemplates.value, { name, url }]);
    onDone();
  };
  return (
    <form class="template-form" onSubmit={submit}>
      <input type="text" name="name" placeholder="Logs" aria-label="Name of the link" />
      <input
        type="text"
        name="url"
        class="mono"
        placeholder="https://logs.example/?trace={traceId}"
        aria-label="Address with fields in braces"
      />
      <button type="submit">Keep</button>
      <p class="hint">
        Fields: <code>{TEMPLATE_FIELDS}</code>. Kept in this browser.
      </p>
    </form>
  );
}
