import "../../styles/notebook.css";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { CELL_KINDS, type Cell, type CellKind, type Notebook } from "../../api/notebooks.ts";
import { say, sayRich } from "../../base/say.ts";
import { formatAgo, formatDateTime, millisFromNanos } from "../../base/time.ts";
import { jupyterText } from "../../model/jupyter.ts";
import {
  emptyCell,
  withCell,
  withChangedCell,
  withMovedCell,
  withoutCell,
} from "../../model/notebook.ts";
import { DEFAULT_RANGE, formatRange, parseRange } from "../../model/time-range.ts";
import { nowMillis } from "../../state/clock.ts";
import { NotebookState } from "../../state/notebook.ts";
import { navigate, replace } from "../../state/router.ts";
import { formatRoute, NEW_NOTEBOOK, notebookRoute } from "../../state/url.ts";
import { copyText } from "../parts/copy-button.tsx";
import { download } from "../parts/download.ts";
import { Icon } from "../parts/icon.tsx";
import { Menu } from "../parts/menu.tsx";
import { RangePicker } from "../parts/range-picker.tsx";
import { Empty, FailureBox, Loading } from "../parts/states.tsx";
import { CELL_LABELS, CellFrame } from "./cell-frame.tsx";

export function NotebookPage({ id }: { readonly id: string }) {
  const notebook = useMemo(() => new NotebookState(), []);
  const open = () => void notebook.open(id === NEW_NOTEBOOK ? "" : id);
  // Another address is another notebook, unless it is the one that was just saved for the first time.
  useEffect(() => {
    if (notebook.state.peek().kept?.id !== id) open();
  }, [id]);
  const { draft, failure, loading } = notebook.state.value;
  useEffect(() => {
    document.title = say("notebook.sigyn", { value: draft?.title || say("notebook.notebook") });
  }, [draft?.title]);
  useLeaveGuard(notebook);
  if (!draft && loading) return <Loading text={say("notebook.theNotebook")} />;
  if (!draft && failure?.status === 404) {
    return (
      <Empty title={say("notebook.noNotebookHasThisAddress")}>
        <p>{failure.sentence}</p>
        <p>{sayRich("notebook.seeAll", { all: (words) => <a href="/notebooks">{words}</a> })}</p>
      </Empty>
    );
  }
  if (!draft && failure) {
    return (
      <FailureBox
        title={say("notebook.theNotebookCouldNotBeLoaded")}
        failure={failure}
        onRetry={open}
      />
    );
  }
  return draft && <OpenNotebookView notebook={notebook} draft={draft} onReload={open} />;
}

/** The browser asks before what was written is lost. */
function useLeaveGuard(notebook: NotebookState): void {
  useEffect(() => {
    const guard = (event: BeforeUnloadEvent) => {
      if (notebook.state.peek().draft?.cells.length && notebook.hasChanges) event.preventDefault();
    };
    addEventListener("beforeunload", guard);
    return () => removeEventListener("beforeunload", guard);
  }, []);
}

function OpenNotebookView(props: {
  readonly notebook: NotebookState;
  readonly draft: Notebook;
  readonly onReload: () => void;
}) {
  const { notebook, draft } = props;
  const title = useRef<HTMLInputElement>(null);
  const [runs, setRuns] = useState(0);
  const range = parseRange(draft.range) ?? DEFAULT_RANGE;
  const change = (next: Notebook) => notebook.change(next);
  const keys = useCellKeys(draft.cells.length);
  const save = async () => {
    if (draft.title.trim() === "") {
      title.current?.focus();
      return;
    }
    const result = await notebook.save();
    if (result.ok) replace(notebookRoute(result.value.id));
  };
  const latestSave = useRef(save);
  latestSave.current = save;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "s" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      void latestSave.current();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const add = (kind: CellKind) => {
    keys.add();
    change(withCell(draft, emptyCell(kind)));
  };
  return (
    <div class="notebook">
      <div class="page-head notebook-head">
        <h1 class="visually-hidden">{draft.title || say("notebook.newNotebook")}</h1>
        <input
          ref={title}
          type="text"
          class="notebook-title"
          value={draft.title}
          maxLength={200}
          placeholder={say("notebook.titleOfTheNotebook")}
          aria-label={say("notebook.titleOfTheNotebook")}
          autofocus={draft.version === 0}
          onInput={(event) => change({ ...draft, title: event.currentTarget.value })}
        />
        <RangePicker
          range={range}
          onChange={(next) => change({ ...draft, range: formatRange(next) })}
        />
        <button
          type="button"
          class="icon-button"
          aria-label={say("notebook.askEverythingAnew")}
          title={say("notebook.askEverythingAnew")}
          onClick={() => setRuns(runs + 1)}
        >
          <Icon name="refresh" />
        </button>
        <NotebookMenu notebook={notebook} draft={draft} />
        <button
          type="button"
          class="primary"
          disabled={!notebook.hasChanges || notebook.state.value.isSaving}
          title={say("notebook.keepItOnTheServerCtrl")}
          onClick={() => void save()}
        >
          {say("notebook.save")}
        </button>
      </div>
      <SaveState notebook={notebook} onReload={props.onReload} />
      {draft.cells.map((cell, at) => (
        <CellFrame
          key={keys.list[at]}
          cell={cell}
          range={range}
          runs={runs}
          isFirst={at === 0}
          isLast={at === draft.cells.length - 1}
          onChange={(next: Cell) => change(withChangedCell(draft, at, next))}
          onMove={(by) => {
            keys.move(at, by);
            change(withMovedCell(draft, at, by));
          }}
          onRemove={() => {
            keys.remove(at);
            change(withoutCell(draft, at));
          }}
          onRange={(next) => change({ ...draft, range: formatRange(next) })}
        />
      ))}
      <fieldset class="cell-adder" aria-label={say("notebook.addACell")}>
        <span class="hint">{say("notebook.add")}</span>
        {CELL_KINDS.map((kind) => (
          <button key={kind} type="button" class="small-button" onClick={() => add(kind)}>
            <Icon name="plus" /> {CELL_LABELS[kind]}
          </button>
        ))}
      </fieldset>
    </div>
  );
}

/** A key for each cell that follows it when it is moved: its answer and its cursor must not stay behind. */
function useCellKeys(count: number) {
  const state = useRef<{ next: number; list: number[] }>({ next: 0, list: [] });
  const { current } = state;
  while (current.list.length < count) current.list.push(current.next++);
  if (current.list.length > count) current.list.length = count;
  return {
    list: current.list,
    add: () => current.list.push(current.next++),
    remove: (at: number) => current.list.splice(at, 1),
    move: (at: number, by: number) => {
      const to = Math.min(current.list.length - 1, Math.max(0, at + by));
      current.list.splice(to, 0, ...current.list.splice(at, 1));
    },
  };
}

/** One quiet line: what is kept, what is not, and what stands in the way. */
function SaveState(props: { readonly notebook: NotebookState; readonly onReload: () => void }) {
  const { notebook } = props;
  const { kept, saveFailure, isSaving } = notebook.state.value;
  if (saveFailure) {
    return (
      <FailureBox title={say("notebook.theNotebookWasNotSaved")} failure={saveFailure}>
        {notebook.isConflict && (
          <p class="failure-actions">
            <button
              type="button"
              class="small-button"
              onClick={async () => {
                const result = await notebook.saveAsCopy();
                if (result.ok) replace(notebookRoute(result.value.id));
              }}
            >
              {say("notebook.saveMineAsACopy")}
            </button>
            <button type="button" class="small-button" onClick={props.onReload}>
              {say("notebook.loadTheirsGiveMineUp")}
            </button>
          </p>
        )}
      </FailureBox>
    );
  }
  const saved = kept && (
    <span title={formatDateTime(kept.saved, true)}>
      {say("notebook.savedAgo", {
        ago: formatAgo(millisFromNanos(kept.saved), nowMillis.value),
        version: kept.version,
      })}
    </span>
  );
  return (
    <p class="hint notebook-state" role="status">
      {isSaving
        ? say("notebook.saving")
        : notebook.hasChanges
          ? say("notebook.notSavedYet")
          : saved}
    </p>
  );
}

function NotebookMenu(props: { readonly notebook: NotebookState; readonly draft: Notebook }) {
  const { notebook, draft } = props;
  const { kept } = notebook.state.value;
  const link = `${location.origin}${formatRoute(notebookRoute(draft.id))}`;
  const file = `${draft.title.toLowerCase().replace(/[^a-z0-9]+/g, "-") || "notebook"}.ipynb`;
  return (
    <Menu label={say("notebook.share")} icon="copy">
      {[
        ...(kept
          ? [
              {
                label: say("notebook.copyLink"),
                note: say("notebook.toThisNotebook"),
                run: () => copyText(link),
              },
            ]
          : []),
        {
          label: say("notebook.downloadForJupyter"),
          note: say("notebook.pythonWithPandas"),
          run: () =>
            download(file, jupyterText(draft, location.origin), "application/x-ipynb+json"),
        },
        ...(kept
          ? [
              {
                label: say("notebook.delete"),
                note: say("notebook.forEveryone"),
                run: async () => {
                  if (!confirm(`Delete “${kept.title}” for everyone?`)) return false;
                  const result = await notebook.remove();
                  if (result.ok) navigate({ page: "notebooks" });
                  return result.ok;
                },
              },
            ]
          : []),
      ]}
    </Menu>
  );
}
