import { fetchOtlp } from "../../api/trace.ts";
import { say } from "../../base/say.ts";
import { compareRoute, formatRoute, type TraceRoute } from "../../state/url.ts";
import { copyText } from "../parts/copy-button.tsx";
import { download } from "../parts/download.ts";
import { Icon } from "../parts/icon.tsx";
import { Menu } from "../parts/menu.tsx";

/** The trace to hand on: as a link, as a command, as data. */
export function TraceActions(props: { readonly route: TraceRoute }) {
  const { route } = props;
  const path = `/api/v2/traces/${route.traceId}`;
  const withOtlp = async (use: (text: string) => Promise<boolean>) => {
    const answer = await fetchOtlp(route.traceId);
    return answer.ok && use(answer.value);
  };
  return (
    <>
      <a class="small-button" href={formatRoute(compareRoute(route.traceId))}>
        <Icon name="compare" /> {say("traceActions.compare")}
      </a>
      <Menu label={say("traceActions.share")} icon="copy">
        {[
          {
            label: say("traceActions.copyLink"),
            note: say("traceActions.toThisVeryView"),
            run: () => copyText(location.origin + formatRoute(route)),
          },
          {
            label: say("traceActions.copyAsCurl"),
            note: say("traceActions.asksTheServerForThisTrace"),
            run: () => copyText(`curl -H 'accept: application/json' '${location.origin}${path}'`),
          },
          {
            label: say("traceActions.copyAsJson"),
            note: say("traceActions.otlpHexIds"),
            run: () => withOtlp(copyText),
          },
          {
            label: say("traceActions.downloadJson"),
            note: say("traceActions.otlpHexIds"),
            run: () =>
              withOtlp((text) => download(`trace-${route.traceId}.json`, text, "application/json")),
          },
        ]}
      </Menu>
    </>
  );
}
