import { useState } from "preact/hooks";
import type { Span } from "../../api/otlp.ts";
import { say } from "../../base/say.ts";
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
              <span
                class="small-button muted"
                title={say("templateLinks.thisSpanLacksAFieldOf", { url: template.url })}
              >
                {template.name}
              </span>
            )}
            <button
              type="button"
              class="icon-button"
              aria-label={say("templateLinks.forgetTheLink", { name: template.name })}
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
          {templates.length === 0
            ? say("templateLinks.linkSpansToLogsOrMetrics")
            : say("templateLinks.addALink")}
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
    const name = String(form.get("name") ?? "").trim() || say("templateLinks.link");
    if (/^https?:\/\//.test(url)) setLinkTemplates([...linkTemplates.value, { name, url }]);
    onDone();
  };
  return (
    <form class="template-form" onSubmit={submit}>
      <input
        type="text"
        name="name"
        placeholder={say("templateLinks.logs")}
        aria-label={say("templateLinks.nameOfTheLink")}
      />
      <input
        type="text"
        name="url"
        class="mono"
        placeholder="https://logs.example/?trace={traceId}"
        aria-label={say("templateLinks.addressWithFieldsInBraces")}
      />
      <button type="submit">{say("templateLinks.keep")}</button>
      <p class="hint">
        {say("templateLinks.fields")} <code>{TEMPLATE_FIELDS}</code>
        {say("templateLinks.keptInThisBrowser")}
      </p>
    </form>
  );
}
