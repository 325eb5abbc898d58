import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { fetchOperations, type Operation } from "../../api/services.ts";
import { fetchTags, fetchTagValues } from "../../api/tags.ts";
import { say, sayRich } from "../../base/say.ts";
import { parseDuration } from "../../base/time.ts";
import {
  EMPTY_FORM,
  formatTag,
  parseTag,
  type SearchForm,
  type StatusChoice,
} from "../../model/traceql.ts";
import { Resource } from "../../state/resource.ts";
import { Icon } from "../parts/icon.tsx";

const operations = new Resource<readonly Operation[]>();
const tags = new Resource<readonly string[]>();
const tagValues = new Resource<readonly string[]>();
/** The key whose values are offered. */
const valuesOf = signal("");

const STATUSES: readonly (readonly [StatusChoice, string])[] = [
  ["", say("formPanel.any")],
  ["error", say("formPanel.error")],
  ["ok", "OK"],
  ["unset", say("formPanel.unset")],
];

/** The query as a form. Each finished change runs the search. */
export function FormPanel(props: {
  readonly form: SearchForm;
  readonly isBeyondForm: boolean;
  readonly serviceNames: readonly string[];
  readonly onChange: (form: SearchForm) => void;
}) {
  const { form, onChange } = props;
  useEffect(() => {
    if (form.service === "") return;
    void operations.load(form.service, (abort) => fetchOperations(form.service, abort));
  }, [form.service]);
  const operationNames =
    form.service === "" ? [] : (operations.state.value.data ?? []).map((one) => one.name);

  return (
    <details class="form-panel" open={matchMedia("(min-width: 900px)").matches}>
      <summary>
        <Icon name="filter" /> {say("formPanel.filters")}
      </summary>
      {props.isBeyondForm && (
        <p class="hint" role="status">
          {say("formPanel.theQuerySaysMoreThanThis")}
        </p>
      )}
      <fieldset class="form">
        <legend class="visually-hidden">{say("formPanel.filters")}</legend>
        <Choice
          id="service"
          label={say("formPanel.service")}
          placeholder={say("formPanel.allServices")}
          value={form.service}
          options={props.serviceNames}
          onCommit={(service) => onChange({ ...form, service, operation: "" })}
        />
        <Choice
          id="operation"
          label={say("formPanel.operation")}
          placeholder={say("formPanel.allOperations")}
          value={form.operation}
          options={[...new Set(operationNames)]}
          onCommit={(operation) => onChange({ ...form, operation })}
        />
        <div class="field-pair">
          <DurationField
            id="duration-min"
            label={say("formPanel.atLeast")}
            placeholder={say("formPanel.eG50ms")}
            value={form.durationMin}
            onCommit={(durationMin) => onChange({ ...form, durationMin })}
          />
          <DurationField
            id="duration-max"
            label={say("formPanel.atMost")}
            placeholder="e.g. 1.5s"
            value={form.durationMax}
            onCommit={(durationMax) => onChange({ ...form, durationMax })}
          />
        </div>
        <div class="field">
          <span class="field-label" id="status-label">
            {say("formPanel.status")}
          </span>
          <fieldset class="segments" aria-labelledby="status-label">
            {STATUSES.map(([status, label]) => (
              <button
                key={status}
                type="button"
                aria-pressed={form.status === status}
                onClick={() => onChange({ ...form, status })}
              >
                {label}
              </button>
            ))}
          </fieldset>
        </div>
        <TagField form={form} onChange={onChange} />
        <button
          type="button"
          class="quiet"
          disabled={!props.isBeyondForm && JSON.stringify(form) === JSON.stringify(EMPTY_FORM)}
          onClick={() => onChange(EMPTY_FORM)}
        >
          {say("formPanel.clearAll")}
        </button>
      </fieldset>
    </details>
  );
}

function Choice(props: {
  readonly id: string;
  readonly label: string;
  readonly placeholder: string;
  readonly value: string;
  readonly options: readonly string[];
  readonly onCommit: (value: string) => void;
}) {
  const known = props.value === "" || props.options.includes(props.value);
  return (
    <div class="field">
      <label for={props.id}>{props.label}</label>
      <select
        id={props.id}
        value={props.value}
        onChange={(event) => props.onCommit(event.currentTarget.value)}
      >
        <option value="">{props.placeholder}</option>
        {!known && <option value={props.value}>{props.value}</option>}
        {props.options.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </div>
  );
}

function DurationField(props: {
  readonly id: string;
  readonly label: string;
  readonly placeholder: string;
  readonly value: string;
  readonly onCommit: (value: string) => void;
}) {
  const [text, setText] = useState(props.value);
  useEffect(() => setText(props.value), [props.value]);
  const isWrong = text !== "" && parseDuration(text) === null;
  const commit = () => {
    if (!isWrong && text !== props.value) props.onCommit(text);
  };
  return (
    <div class="field">
      <label for={props.id}>{props.label}</label>
      <input
        id={props.id}
        type="text"
        class="number"
        value={text}
        placeholder={props.placeholder}
        autocomplete="off"
        aria-invalid={isWrong}
        title={isWrong ? say("formPanel.aDurationIsANumberWith") : undefined}
        onInput={(event) => setText(event.currentTarget.value)}
        onBlur={commit}
        onKeyDown={(event) => event.key === "Enter" && commit()}
      />
    </div>
  );
}

function TagField(props: {
  readonly form: SearchForm;
  readonly onChange: (form: SearchForm) => void;
}) {
  const { form, onChange } = props;
  const [text, setText] = useState("");
  const isWrong = text !== "" && parseTag(text) === null;
  const add = () => {
    const tag = parseTag(text);
    if (tag === null) return;
    setText("");
    onChange({ ...form, tags: [...form.tags, tag] });
  };
  const write = (next: string) => {
    setText(next);
    const key = parseTag(next)?.key ?? "";
    if (key === "" || key === valuesOf.value) return;
    valuesOf.value = key;
    const field = /^(span|resource)\./.test(key) ? key : `.${key}`;
    void tagValues.load(field, (abort) => fetchTagValues(field, abort));
  };
  const offered =
    valuesOf.value !== "" && text.startsWith(`${valuesOf.value}=`)
      ? (tagValues.state.value.data ?? []).map((value) => `${valuesOf.value}=${value}`)
      : (tags.state.value.data ?? []).map((name) => `${name}=`);
  return (
    <div class="field">
      <label for="tag">{say("formPanel.attributes")}</label>
      <div class="tag-list">
        {form.tags.map((tag, at) => (
          <span key={formatTag(tag)} class="chip tag mono">
            {formatTag(tag)}
            <button
              type="button"
              aria-label={say("formPanel.remove", { tag: formatTag(tag) })}
              onClick={() => onChange({ ...form, tags: form.tags.filter((_, i) => i !== at) })}
            >
              <Icon name="close" />
            </button>
          </span>
        ))}
      </div>
      <input
        id="tag"
        type="text"
        class="mono"
        list="tag-options"
        value={text}
        placeholder="http.method=GET"
        autocomplete="off"
        spellcheck={false}
        aria-describedby="tag-help"
        onFocus={() => {
          if (!tags.state.value.data) void tags.load(say("formPanel.tags"), fetchTags);
        }}
        onInput={(event) => write(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Enter" && add()}
        onBlur={() => !isWrong && parseTag(text)?.value && add()}
      />
      <datalist id="tag-options">
        {offered.slice(0, 200).map((option) => (
          <option key={option} value={option} />
        ))}
      </datalist>
      <p class="hint" id="tag-help">
        {sayRich("formPanel.tagHelp", { example: (words) => <code>{words}</code> })}
      </p>
    </div>
  );
}
