import { Fragment } from "preact";
import { useState } from "preact/hooks";
import type { Attribute } from "../../api/otlp.ts";
import { formatCount } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { attributeName, literal, quote } from "../../model/traceql.ts";
import { emptySearch, formatRoute } from "../../state/url.ts";
import { CopyButton } from "../parts/copy-button.tsx";
import { Icon } from "../parts/icon.tsx";

/** Fewer are quicker read than filtered. */
const FILTERED_MIN = 12;
/** A longer value is shown by its head until somebody wants it whole. */
const LENGTH_MAX = 2000;
const LENGTH_SHOWN = 1000;
/** A longer value has the whole width below its key. */
const LINE_LENGTH_MAX = 120;

type Scope = "span" | "resource" | "event" | "link" | "instrumentation";

export function AttributeTable(props: {
  readonly attributes: readonly Attribute[];
  readonly scope: Scope;
}) {
  const [words, setWords] = useState("");
  if (props.attributes.length === 0) return <p class="hint">{say("attributeTable.none")}</p>;
  const sorted = [...props.attributes].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const shown = sorted.filter(({ key, text }) => isLike(words, key) || isLike(words, text));
  return (
    <>
      {sorted.length >= FILTERED_MIN && (
        <input
          type="search"
          class="attribute-filter"
          value={words}
          placeholder={say("attributeTable.filter")}
          aria-label={say("attributeTable.filter")}
          spellcheck={false}
          onInput={(event) => setWords(event.currentTarget.value)}
        />
      )}
      {shown.length === 0 && <p class="hint">{say("attributeTable.noneMatches")}</p>}
      <AttributeRows attributes={shown} scope={props.scope} />
    </>
  );
}

/** A stack trace, a statement: no reading in half the width of a table. */
function isLong(text: string): boolean {
  return text.length > LINE_LENGTH_MAX || text.includes("\n");
}

function isLike(words: string, text: string): boolean {
  return text.toLowerCase().includes(words.trim().toLowerCase());
}

function AttributeRows(props: {
  readonly attributes: readonly Attribute[];
  readonly scope: Scope;
}) {
  return (
    <table class="attributes">
      <tbody>
        {props.attributes.map((attribute, at) => {
          const key = `${attribute.key} ${at}`;
          const value = <ValueCell attribute={attribute} scope={props.scope} />;
          return isLong(attribute.text) ? (
            <Fragment key={key}>
              <tr>
                <th scope="row" colSpan={2}>
                  {attribute.key}
                </th>
              </tr>
              <tr>
                <td class="long" colSpan={2}>
                  {value}
                </td>
              </tr>
            </Fragment>
          ) : (
            <tr key={key}>
              <th scope="row">{attribute.key}</th>
              <td>{value}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function ValueCell(props: { readonly attribute: Attribute; readonly scope: Scope }) {
  const { attribute } = props;
  const search = searchHref(attribute, props.scope);
  return (
    <>
      <Value attribute={attribute} />
      <span class="attribute-actions">
        {search && (
          <a
            class="icon-button copy"
            href={search}
            aria-label={say("attributeTable.searchForWithThisValue", { key: attribute.key })}
            title={say("attributeTable.searchForThisValue")}
          >
            <Icon name="search" />
          </a>
        )}
        <CopyButton
          text={attribute.text}
          label={say("attributeTable.copyTheValueOf", { key: attribute.key })}
        />
      </span>
    </>
  );
}

function Value({ attribute }: { readonly attribute: Attribute }) {
  const [isWhole, setWhole] = useState(false);
  const { type, text } = attribute;
  if (text.length > LENGTH_MAX && !isWhole) {
    return (
      <span class={`value value-${type}`}>
        {text.slice(0, LENGTH_SHOWN)}…{" "}
        <button type="button" class="link" onClick={() => setWhole(true)}>
          {say("attributeTable.showAll", { count: formatCount(text.length) })}
        </button>
      </span>
    );
  }
  if (type === "string" && /^https?:\/\/\S+$/.test(text)) {
    return (
      <a class="value" href={text} target="_blank" rel="noreferrer noopener">
        {text}
      </a>
    );
  }
  return (
    <span class={`value value-${type}`}>
      {type === "empty" ? say("attributeTable.empty") : text}
    </span>
  );
}

function searchHref({ key, type, text }: Attribute, scope: Scope): string | null {
  // No address and no query bar holds more.
  if (text.length > LENGTH_MAX) return null;
  if (type === "array" || type === "map" || type === "bytes" || type === "empty") return null;
  const value = type === "string" ? quote(text) : literal(text);
  return formatRoute(emptySearch(`{ ${attributeName(`${scope}.${key}`)} = ${value} }`));
}
