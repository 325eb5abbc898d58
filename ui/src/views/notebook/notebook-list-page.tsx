import "../../styles/notebook.css";
import { useEffect, useMemo } from "preact/hooks";
import { fetchNotebooks, type NotebookEntry } from "../../api/notebooks.ts";
import { counted } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { formatAgo, formatDateTime, formatUtc, millisFromNanos } from "../../base/time.ts";
import { nowMillis } from "../../state/clock.ts";
import { Resource } from "../../state/resource.ts";
import { formatRoute, notebookRoute } from "../../state/url.ts";
import { Icon } from "../parts/icon.tsx";
import { Empty, FailureBox, Loading } from "../parts/states.tsx";
import { TableFrame } from "../parts/table-frame.tsx";

export function NotebookListPage() {
  const notebooks = useMemo(() => new Resource<readonly NotebookEntry[]>(), []);
  const load = () => void notebooks.load("", fetchNotebooks);
  useEffect(() => {
    load();
    return () => notebooks.stop();
  }, []);
  const { data, failure, loading } = notebooks.state.value;
  return (
    <>
      <div class="page-head">
        <h1>{say("notebookList.notebooks")}</h1>
        {data && data.length > 0 && (
          <span class="muted number">{counted(data.length, "notebook")}</span>
        )}
        <span class="grow" />
        <a class="small-button primary" href={formatRoute(notebookRoute("new"))}>
          <Icon name="plus" /> {say("notebookList.newNotebook")}
        </a>
      </div>
      {failure && (
        <FailureBox
          title={say("notebookList.theNotebooksCouldNotBeLoaded")}
          failure={failure}
          onRetry={load}
        />
      )}
      {!data && !failure && loading && <Loading text={say("notebookList.notebooks2")} />}
      {data && data.length === 0 && (
        <Empty title={say("notebookList.noNotebookYet")}>
          <p>{say("notebookList.aNotebookHoldsSearchesChartsAnd")}</p>
          <p>
            <a href={formatRoute(notebookRoute("new"))}>{say("notebookList.beginOne")}</a>
          </p>
        </Empty>
      )}
      {data && data.length > 0 && (
        <TableFrame label={say("notebookList.notebooks")}>
          <table class="table">
            <thead>
              <tr>
                <th scope="col">{say("notebookList.title")}</th>
                <th scope="col" class="right">
                  {say("notebookList.saved")}
                </th>
              </tr>
            </thead>
            <tbody>
              {data.map((entry) => (
                <tr key={entry.id}>
                  <td>
                    <a href={formatRoute(notebookRoute(entry.id))}>{entry.title}</a>
                  </td>
                  <td
                    class="number right nowrap"
                    title={`${formatDateTime(entry.saved, true)}\n${formatUtc(entry.saved)}`}
                  >
                    {formatAgo(millisFromNanos(entry.saved), nowMillis.value)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </TableFrame>
      )}
    </>
  );
}
