import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../parts/icon.tsx";

const SHORTCUTS: readonly (readonly [readonly string[], string])[] = [
  [["j", "↓"], "next span"],
  [["k", "↑"], "previous span"],
  [["→"], "expand, or go to the first child"],
  [["←"], "collapse, or go to the parent"],
  [["Enter"], "open the detail"],
  [["/"], "find in this trace"],
  [["n", "N"], "next, previous match"],
  [["+", "−"], "zoom in, out"],
  [["0"], "the whole trace"],
  [["Esc"], "close, step by step"],
  [["drag"], "zoom to a stretch of time"],
  [["Ctrl + wheel"], "zoom at the pointer"],
  [["Shift + wheel"], "move along the time"],
];

export function ShortcutsDialog({ onClose }: { readonly onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="shortcuts-title" onClose={onClose}>
      <header>
        <h2 id="shortcuts-title">Keyboard and pointer</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <dl class="shortcuts">
        {SHORTCUTS.map(([keys, meaning]) => (
          <div key={meaning}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </dialog>
  );
}
