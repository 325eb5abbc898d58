import { useEffect, useState } from "preact/hooks";
import { say, sayRich } from "../../base/say.ts";
import {
  type Fields,
  fieldsOffered,
  fillTemplate,
  type LinkSource,
  PRESETS,
} from "../../model/link-template.ts";
import {
  forgetLinkTemplate,
  keepLinkTemplate,
  loadLinkTemplates,
  templatesOf,
} from "../../state/link-templates.ts";
import { Icon } from "./icon.tsx";

/** Ways from a span or a series to where its logs or metrics are, by templates. */
export function TemplateLinks(props: { readonly of: LinkSource; readonly fields: Fields }) {
  useEffect(() => void loadLinkTemplates(), []);
  return (
    <>
      {templatesOf(props.of).map((template) => {
        const href = fillTemplate(template.url, props.fields);
        return href ? (
          <a
            key={`${template.name} ${template.url}`}
            class="small-button"
            href={href}
            target="_blank"
            rel="noreferrer noopener"
          >
            <Icon name="link" /> {template.name}
          </a>
        ) : (
          <span
            key={`${template.name} ${template.url}`}
            class="small-button muted"
            title={say("templateLinks.lacksAFieldOf", { url: template.url })}
          >
            {template.name}
          </span>
        );
      })}
    </>
  );
}

/** Adds and forgets templates of one kind. */
export function TemplateChooser({ of }: { readonly of: LinkSource }) {
  const [isOpen, setOpen] = useState(false);
  const own = templatesOf(of).filter((template) => template.isOwn);
  return (
    <div class="template-chooser">
      <button type="button" class="link" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        {of === "span" ? say("templateLinks.linkSpans") : say("templateLinks.linkSeries")}
      </button>
      {isOpen && (
        <>
          {own.map((template) => (
            <p key={`${template.name} ${template.url}`} class="template-row">
              <strong>{template.name}</strong>
              <code class="ellipsis" title={template.url}>
                {template.url}
              </code>
              <button
                type="button"
                class="icon-button"
                aria-label={say("templateLinks.forgetTheLink", { name: template.name })}
                onClick={() => forgetLinkTemplate(template)}
              >
                <Icon name="close" />
              </button>
            </p>
          ))}
          <AddForm of={of} onDone={() => setOpen(false)} />
        </>
      )}
    </div>
  );
}

function AddForm({ of, onDone }: { readonly of: LinkSource; readonly onDone: () => void }) {
  const [name, setName] = useState("");
  const [url, setUrl] = useState("");
  const isAddress = /^https?:\/\/./.test(url.trim());
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (!isAddress) return;
    keepLinkTemplate({ of, name: name.trim() || say("templateLinks.link"), url: url.trim() });
    onDone();
  };
  return (
    <form class="template-form" onSubmit={submit}>
      <span class="template-presets">
        <span>{say("templateLinks.beginWith")}</span>
        {PRESETS.filter((preset) => preset.of === of).map((preset) => (
          <button
            key={preset.name}
            type="button"
            class="small-button"
            onClick={() => {
              setName(preset.name);
              setUrl(preset.url);
            }}
          >
            {preset.name}
          </button>
        ))}
      </span>
      <input
        type="text"
        value={name}
        placeholder={say("templateLinks.name")}
        aria-label={say("templateLinks.nameOfTheLink")}
        onInput={(event) => setName(event.currentTarget.value)}
      />
      <input
        type="text"
        class="mono"
        value={url}
        placeholder={
          of === "span"
            ? "https://logs.example/?trace={traceId}"
            : "https://metrics.example/?q={query}"
        }
        aria-label={say("templateLinks.addressWithFieldsInBraces")}
        aria-invalid={url !== "" && !isAddress}
        spellcheck={false}
        onInput={(event) => setUrl(event.currentTarget.value)}
      />
      <button type="submit" disabled={!isAddress}>
        {say("templateLinks.keep")}
      </button>
      <p class="hint">
        {sayRich("templateLinks.fields", { fields: <code>{fieldsOffered(of)}</code> })}
      </p>
    </form>
  );
}
