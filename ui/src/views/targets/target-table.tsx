import { Fragment } from "preact";
import type { ActiveTarget, BufferState } from "../../api/targets.ts";
import { formatBytes, formatCount } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { formatAgo, formatDuration, SECOND } from "../../base/time.ts";
import { nowMillis } from "../../state/clock.ts";
import { LabelList } from "../parts/labels.tsx";
import { TableFrame } from "../parts/table-frame.tsx";

/** A clock that is off by less is as good as right. */
const CLOCK_OFFSET_NOTED_SECONDS = 0.05;
const CLOCK_OFFSET_BAD_SECONDS = 1;
/** A buffer that overwrites what is unread sooner than this is in danger. */
const OVERWRITE_SOON_SECONDS = 15;

const COLUMNS = 8;

export function TargetTable({ targets }: { readonly targets: readonly ActiveTarget[] }) {
  return (
    <TableFrame label={say("targetTable.targetsOfThisJob")}>
      <table class="table targets">
        <thead>
          <tr>
            <th scope="col">{say("targetTable.target")}</th>
            <th scope="col">{say("targetTable.state")}</th>
            <th scope="col">{say("targetTable.lastRead")}</th>
            <th scope="col" class="right">
              {say("targetTable.took")}
            </th>
            <th scope="col" class="right">
              {say("targetTable.spans")}
            </th>
            <th scope="col" class="right">
              {say("targetTable.lost")}
            </th>
            <th scope="col">{say("targetTable.buffer")}</th>
            <th scope="col" class="right">
              {say("targetTable.clock")}
            </th>
          </tr>
        </thead>
        <tbody>
          {targets.map((target) => (
            <TargetRows key={target.url} target={target} />
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}

/** The job stands above, and the instance is mostly the address. */
function saidAlready({ url, labels }: ActiveTarget): readonly string[] {
  return labels.instance && url.includes(`//${labels.instance}/`) ? ["job", "instance"] : ["job"];
}

function TargetRows({ target }: { readonly target: ActiveTarget }) {
  const { buffer } = target;
  const exemplarsError = buffer?.exemplarsLastError ?? "";
  return (
    <Fragment>
      <tr class="target">
        <td>
          <a class="mono target-url" href={target.url} target="_blank" rel="noreferrer">
            {target.url.replace(/^https?:\/\//, "")}
          </a>
          <LabelList labels={target.labels} without={saidAlready(target)} />
        </td>
        <td data-label={say("targetTable.state")}>
          <span class={`health ${target.health}`}>
            {target.health === "unknown" ? say("targetTable.notReadYet") : target.health}
          </span>
          {buffer?.ending && <span class="badge warn">{say("targetTable.ending")}</span>}
        </td>
        <td data-label={say("targetTable.lastRead")} class="number nowrap">
          {target.lastReadMillis === null
            ? say("targetTable.never")
            : formatAgo(target.lastReadMillis, nowMillis.value)}
          <span class="muted below">
            {say("targetTable.everyInterval", { interval: target.interval })}
          </span>
        </td>
        <td data-label={say("targetTable.took")} class="number right nowrap">
          {target.lastReadMillis === null ? "–" : formatDuration(target.lastReadSeconds * SECOND)}
        </td>
        <td data-label={say("targetTable.spans")} class="number right nowrap">
          {buffer ? formatCount(buffer.spansTotal) : "–"}
          {buffer && (
            <span class="muted below">
              {say("targetTable.lastRead2", {
                spans: formatCount(buffer.lastSpans),
                bytes: formatBytes(buffer.lastBytes),
              })}
            </span>
          )}
        </td>
        <td data-label={say("targetTable.lost")} class="number right nowrap">
          <Lost buffer={buffer} />
        </td>
        <td data-label={say("targetTable.buffer")}>
          <Fill buffer={buffer} />
        </td>
        <td data-label={say("targetTable.clock")} class="number right nowrap">
          <ClockOffset seconds={buffer?.clockOffsetSeconds ?? null} />
        </td>
      </tr>
      {target.lastError !== "" && <ErrorRow sentence={target.lastError} />}
      {exemplarsError !== "" && (
        <ErrorRow sentence={say("targetTable.exemplarsError", { sentence: exemplarsError })} />
      )}
    </Fragment>
  );
}

function ErrorRow({ sentence }: { readonly sentence: string }) {
  return (
    <tr class="error-row">
      <td colSpan={COLUMNS}>{sentence}</td>
    </tr>
  );
}

function Lost({ buffer }: { readonly buffer: BufferState | null }) {
  if (!buffer) return <>–</>;
  if (!buffer.tracked) {
    return (
      <span class="muted" title={say("targetTable.thisEndpointDoesNotSpeakThe")}>
        {say("targetTable.unknown")}
      </span>
    );
  }
  const lives = buffer.unknownLosses;
  return (
    <>
      <span class={buffer.lostTotal > 0 ? "bad" : undefined}>{formatCount(buffer.lostTotal)}</span>
      {lives > 0 && (
        <span class="muted below" title={say("targetTable.theBufferBeganANewLife")}>
          {say("targetTable.unknownLosses", { count: lives })}
        </span>
      )}
    </>
  );
}

function Fill({ buffer }: { readonly buffer: BufferState | null }) {
  if (!buffer || buffer.fillRatio === null) return <span class="muted">–</span>;
  const percent = Math.min(100, Math.max(0, buffer.fillRatio * 100));
  const seconds = buffer.secondsToOverwrite;
  const isSoon = seconds !== null && seconds < OVERWRITE_SOON_SECONDS;
  return (
    <div class="fill">
      <span class={isSoon ? "fill-bar soon" : "fill-bar"} aria-hidden="true">
        <span style={{ width: `${percent}%` }} />
      </span>
      <span class="number fill-percent">{percent.toFixed(0)} %</span>
      <span class={isSoon ? "number below bad" : "number below muted"}>
        {seconds === null || !Number.isFinite(seconds)
          ? say("targetTable.nothingOverwritten")
          : say("targetTable.toOverwrite", { formatDuration: formatDuration(seconds * SECOND) })}
      </span>
    </div>
  );
}

function ClockOffset({ seconds }: { readonly seconds: number | null }) {
  if (seconds === null) return <span class="muted">–</span>;
  const distance = Math.abs(seconds);
  if (distance < CLOCK_OFFSET_NOTED_SECONDS)
    return <span class="muted">{say("targetTable.inStep")}</span>;
  const text = `${seconds > 0 ? "+" : "−"}${formatDuration(distance * SECOND)}`;
  return <span class={distance >= CLOCK_OFFSET_BAD_SECONDS ? "bad" : undefined}>{text}</span>;
}
