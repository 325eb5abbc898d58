import type { Attribute } from "../../api/otlp.ts";
import { say } from "../../base/say.ts";
import { attributeName, literal, quote } from "../../model/traceql.ts";
import { emptySearch, formatRoute } from "../../state/url.ts";
import { CopyButton } from "../parts/copy-button.tsx";
import { Icon } from "../parts/icon.tsx";

type Scope = "span" | "resource" | "event" | "link" | "instrumentation";

export function AttributeTable(props: {
  readonly attributes: readonly Attribute[];
  readonly scope: Scope;
}) {
  if (props.attributes.length === 0) return <p class="hint">{say("attributeTable.none")}</p>;
  const sorted = [...props.attributes].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return (
    <table class="attributes">
      <tbody>
        {sorted.map((attribute, at) => (
          <tr key={`${attribute.key} ${at}`}>
            <th scope="row">{attribute.key}</th>
            <td>
              <Value attribute={attribute} />
              <span class="attribute-actions">
                {searchHref(attribute, props.scope) && (
                  <a
                    class="icon-button copy"
                    href={searchHref(attribute, props.scope) ?? ""}
                    aria-label={say("attributeTable.searchForWithThisValue", {
                      key: attribute.key,
                    })}
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
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Value({ attribute }: { readonly attribute: Attribute }) {
  const { type, text } = attribute;
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
  if (type === "array" || type === "map" || type === "bytes" || type === "empty") return null;
  const value = type === "string" ? quote(text) : literal(text);
  return formatRoute(emptySearch(`{ ${attributeName(`${scope}.${key}`)} = ${value} }`));
}
