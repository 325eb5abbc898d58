import "../styles/status.css";
import { useEffect, useMemo, useState } from "preact/hooks";
import { type Figures, fetchConfig, fetchStatus, type StatusKind } from "../api/status.ts";
import { counted } from "../base/number.ts";
import { say } from "../base/say.ts";
import { Resource } from "../state/resource.ts";
import { CopyButton } from "./parts/copy-button.tsx";
import { Icon } from "./parts/icon.tsx";
import { FailureBox, Loading } from "./parts/states.tsx";

const LISTS: readonly (readonly [StatusKind, string, string])[] = [
  ["buildinfo", say("status.build"), say("status.theBinaryDoesNotSay")],
  ["runtimeinfo", say("status.running"), say("status.theServerDoesNotSay")],
  ["flags", say("status.flags"), say("status.noneTheServerRunsWithIts")],
];

/** What runs here and with which configuration. */
export function StatusPage() {
  const config = useMemo(() => new Resource<string>(), []);
  const loadConfig = () => void config.load("", fetchConfig);
  useEffect(() => {
    loadConfig();
    return () => config.stop();
  }, []);
  const { data, failure, loading } = config.state.value;
  return (
    <>
      <div class="page-head">
        <h1>{say("status.status")}</h1>
        <span class="grow" />
        <a class="small-button" href="/metrics" target="_blank" rel="noopener">
          {say("status.metrics")}
        </a>
        <a class="small-button" href="/api/sigyn/v1/openapi.json" target="_blank" rel="noopener">
          {say("status.api")}
        </a>
      </div>
      <div class="status-lists">
        {LISTS.map(([kind, title, none]) => (
          <FigureList key={kind} kind={kind} title={title} none={none} />
        ))}
      </div>
      {failure && (
        <FailureBox
          title={say("status.theConfigurationCouldNotBeLoaded")}
          failure={failure}
          onRetry={loadConfig}
        />
      )}
      {data === null && !failure && loading && <Loading text={say("status.theConfiguration")} />}
      {data !== null && <Config yaml={data} />}
    </>
  );
}

function FigureList(props: {
  readonly kind: StatusKind;
  readonly title: string;
  readonly none: string;
}) {
  const figures = useMemo(() => new Resource<Figures>(), []);
  const load = () => void figures.load("", (signal) => fetchStatus(props.kind, signal));
  useEffect(() => {
    load();
    return () => figures.stop();
  }, []);
  const { data, failure } = figures.state.value;
  const entries = Object.entries(data ?? {});
  return (
    <section class="card status-list">
      <h2>{props.title}</h2>
      {failure && <FailureBox title={say("status.notLoaded")} failure={failure} onRetry={load} />}
      {data && entries.length === 0 && <p class="muted">{props.none}</p>}
      <dl>
        {entries.map(([key, value]) => (
          <div key={key}>
            <dt>{key}</dt>
            <dd class="mono">{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** The lines of the configuration that hold the filter's text, with what they stand below. */
function Config({ yaml }: { readonly yaml: string }) {
  const [filter, setFilter] = useState("");
  const lines = yaml.trimEnd().split("\n");
  const shown = useMemo(() => linesWith(lines, filter), [yaml, filter]);
  return (
    <section class="card config" aria-label={say("status.configuration")}>
      <div class="config-head">
        <h2>{say("status.configuration")}</h2>
        <span class="muted number">
          {filter.trim() === ""
            ? counted(lines.length, "line")
            : say("status.of", {
                length: shown.filter(({ isFound }) => isFound).length,
                length2: counted(lines.length, "line"),
              })}
        </span>
        <span class="grow" />
        <search class="find">
          <Icon name="search" />
          <input
            type="text"
            placeholder={say("status.filterLines")}
            aria-label={say("status.filterTheLinesOfTheConfiguration")}
            value={filter}
            onInput={(event) => setFilter(event.currentTarget.value)}
          />
        </search>
        <CopyButton
          text={yaml}
          label={say("status.copyTheConfiguration")}
          caption={say("status.copy")}
        />
      </div>
      {yaml.trim() === "" ? (
        <p class="muted config-none">{say("status.thereIsNoConfigFilePush")}</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by key.
        <pre tabIndex={0}>
          {shown.map(({ at, isFound }) => (
            <span key={at} class={isFound && filter.trim() !== "" ? "config-found" : undefined}>
              {lines[at]}
              {"\n"}
            </span>
          ))}
        </pre>
      )}
    </section>
  );
}

function linesWith(
  lines: readonly string[],
  filter: string,
): readonly { readonly at: number; readonly isFound: boolean }[] {
  const needle = filter.trim().toLowerCase();
  const indent = (line: string) => line.length - line.trimStart().length;
  const kept = new Map<number, boolean>();
  lines.forEach((line, at) => {
    if (!line.toLowerCase().includes(needle)) return;
    kept.set(at, true);
    let depth = indent(line);
    for (let above = at - 1; above >= 0 && depth > 0; above--) {
      if (indent(lines[above]) >= depth) continue;
      depth = indent(lines[above]);
      if (!kept.has(above)) kept.set(above, false);
    }
  });
  return [...kept].map(([at, isFound]) => ({ at, isFound })).sort((a, b) => a.at - b.at);
}
