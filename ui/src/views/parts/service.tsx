import { formatCount } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { colourOf } from "../../state/services.ts";
import { theme } from "../../state/theme.ts";

export function serviceColour(name: string): string {
  return theme.value.services[colourOf(name)];
}

/** A service's name beside its colour. */
export function ServiceName({ name }: { readonly name: string }) {
  return (
    <span class="service">
      <span class="swatch" style={{ background: serviceColour(name) }} aria-hidden="true" />
      {name}
    </span>
  );
}

/** A service with its number of spans, and of errors where there are any. */
export function ServiceChip(props: {
  readonly name: string;
  readonly spanCount: number;
  readonly errorCount: number;
}) {
  return (
    <span class="chip service-chip">
      <span class="swatch" style={{ background: serviceColour(props.name) }} aria-hidden="true" />
      {props.name} <span class="number muted">{formatCount(props.spanCount)}</span>
      {props.errorCount > 0 && (
        <span
          class="error-count number"
          title={say("service.errors", { errorCount: props.errorCount })}
        >
          {say("service.err", { errors: formatCount(props.errorCount) })}
        </span>
      )}
    </span>
  );
}
