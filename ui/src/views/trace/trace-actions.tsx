import type { TraceAnswer } from "../../api/trace.ts";
import { compareRoute, formatRoute, type TraceRoute } from "../../state/url.ts";
import { copyText } from "../parts/copy-button.tsx";
import { Icon } from "../parts/icon.tsx";
import { Menu } from "../parts/menu.tsx";

/** The trace to hand on: as a link, as a command, as data. */
export function TraceActions(props: { readonly route: TraceRoute; readonly answer: TraceAnswer }) {
  const { route } = props;
  const path = `/api/v2/traces/${route.traceId}`;
  const otlp = () => JSON.stringify({ resourceSpans: props.answer.resourceSpans }, null, 2);
  return (
    <>
      <a class="small-button" href={formatRoute(compareRoute(route.traceId))}>
        <Icon name="compare" /> Compare
      </a>
      <Menu label="Share" icon="copy">
        {[
          {
            label: "Copy link",
            note: "to this very view",
            run: () => copyText(location.origin + formatRoute(route)),
          },
          {
            label: "Copy as curl",
            note: "asks the server for this trace",
            run: () => copyText(`curl -H 'accept: application/json' '${location.origin}${path}'`),
          },
          { label: "Copy as JSON", note: "OTLP, hex IDs", run: () => copyText(otlp()) },
          {
            label: "Download JSON",
            note: "OTLP, hex IDs",
            run: () => download(`trace-${route.traceId}.json`, otlp()),
          },
        ]}
      </Menu>
    </>
  );
}

async function download(name: string, text: string): Promise<boolean> {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
  return true;
}
