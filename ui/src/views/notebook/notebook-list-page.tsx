import { useEffect, useMemo } from "preact/hooks";
import { fetchNotebooks, type NotebookEntry } from "../../api/notebooks.ts";
import { counted } from "../../base/number.ts";
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
        <h1>Notebooks</h1>
        {data && data.length > 0 && (
          <span class="muted number">{counted(data.length, "notebook")}</span>
        )}
        <span class="grow" />
        <a class="small-button primary" href={formatRoute(notebookRoute("new"))}>
          <Icon name="plus" /> New notebook
        </a>
      </div>
      {failure && (
        <FailureBox title="The notebooks could not be loaded" failure={failure} onRetry={load} />
      )}
      {!data && loading && <Loading what="notebooks" />}
      {data && data.length === 0 && (
        <Empty title="No notebook yet">
          <p>
            A notebook holds searches, charts and tables with your words between them. It asks anew
            each time it is opened, and its link shows everyone the same.
          </p>
          <p>
            <a href={formatRoute(notebookRoute("new"))}>Begin one</a>
          </p>
        </Empty>
      )}
      {data && data.length > 0 && (
        <TableFrame label="Notebooks">
          <table class="table">
            <thead>
              <tr>
                <th scope="col">Title</th>
                <th scope="col" class="right">
                  Saved
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
