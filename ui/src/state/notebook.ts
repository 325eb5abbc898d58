// The notebook that is open: what the server keeps, what the person made of it, and what became of saving it.

import { type Signal, signal } from "@preact/signals";
import { deleteNotebook, fetchNotebook, type Notebook, saveNotebook } from "../api/notebooks.ts";
import { type Failure, failure, type Result } from "../base/result.ts";
import { say } from "../base/say.ts";
import { isSameContent, newNotebook } from "../model/notebook.ts";

export interface OpenNotebook {
  /** As it is on the page; null before the first answer. */
  readonly draft: Notebook | null;
  /** As the server keeps it; null for one that was never saved. */
  readonly kept: Notebook | null;
  readonly failure: Failure | null;
  /** Why the last save did not go through; 409: somebody else was quicker. */
  readonly saveFailure: Failure | null;
  readonly loading: boolean;
  readonly isSaving: boolean;
}

const NOTHING: OpenNotebook = {
  draft: null,
  kept: null,
  failure: null,
  saveFailure: null,
  loading: false,
  isSaving: false,
};
const ID_BYTES = 8;
const CONFLICT = 409;

export class NotebookState {
  readonly state: Signal<OpenNotebook> = signal(NOTHING);
  #id = "";

  /** Loads a notebook, or begins a new one where there is no ID. What is not saved is given up. */
  async open(id: string): Promise<void> {
    this.#id = id;
    if (id === "") {
      this.state.value = { ...NOTHING, draft: newNotebook(randomId()) };
      return;
    }
    // The notebook that was just saved for the first time comes back under its address.
    if (this.state.peek().kept?.id !== id) this.state.value = NOTHING;
    this.state.value = { ...this.state.peek(), loading: true };
    const result = await fetchNotebook(id);
    if (this.#id !== id) return;
    this.state.value = result.ok
      ? { ...NOTHING, draft: result.value, kept: result.value }
      : { ...this.state.peek(), failure: result.failure, loading: false };
  }

  change(draft: Notebook): void {
    this.state.value = { ...this.state.peek(), draft };
  }

  get hasChanges(): boolean {
    const { draft, kept } = this.state.value;
    return draft !== null && (kept === null || !isSameContent(draft, kept));
  }

  /** Keeps it. What is written while the answer is on its way stays in the draft. */
  async save(): Promise<Result<Notebook>> {
    const { draft, isSaving } = this.state.peek();
    if (!draft || isSaving) return failure(say("notebook.thereIsNothingToSave"));
    this.state.value = { ...this.state.peek(), isSaving: true, saveFailure: null };
    const result = await saveNotebook(draft);
    const now = this.state.peek();
    if (result.ok) {
      this.#id = result.value.id;
      const isUntouched = now.draft === draft;
      const { version, saved } = result.value;
      const next = isUntouched || !now.draft ? result.value : { ...now.draft, version, saved };
      this.state.value = { ...NOTHING, draft: next, kept: result.value };
    } else this.state.value = { ...now, isSaving: false, saveFailure: result.failure };
    return result;
  }

  /** The way out of a conflict that loses nothing. */
  saveAsCopy(): Promise<Result<Notebook>> {
    const { draft } = this.state.peek();
    if (draft)
      this.change({
        ...draft,
        id: randomId(),
        version: 0,
        title: say("notebook.copy", { title: draft.title }),
      });
    return this.save();
  }

  async remove(): Promise<Result<null>> {
    const { kept } = this.state.peek();
    if (!kept) return failure(say("notebook.itWasNeverSaved"));
    const result = await deleteNotebook(kept.id, kept.version);
    if (result.ok) this.state.value = NOTHING;
    else this.state.value = { ...this.state.peek(), saveFailure: result.failure };
    return result;
  }

  get isConflict(): boolean {
    return this.state.value.saveFailure?.status === CONFLICT;
  }
}

/** 16 hex digits: enough that two people never draw the same, short enough to say. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
