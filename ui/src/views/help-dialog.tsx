import { useEffect, useRef } from "preact/hooks";
import { isHelpOpen } from "../state/help.ts";
import { Icon } from "./parts/icon.tsx";

type Shortcuts = readonly (readonly [readonly string[], string])[];

const SECTIONS: readonly (readonly [string, Shortcuts])[] = [
  [
    "Everywhere",
    [
      [["?"], "this sheet"],
      [["/"], "to the query, or find in this trace"],
      [
        ["g", "s"],
        "go to the search; v services, c compare, n notebooks, t targets, d discovery, e exemplars, i status",
      ],
      [["Esc"], "close, step by step"],
    ],
  ],
  [
    "Results",
    [
      [["j", "k"], "next, previous trace"],
      [["Enter"], "open it"],
    ],
  ],
  [
    "Trace",
    [
      [["j", "↓"], "next row"],
      [["k", "↑"], "previous row"],
      [["→"], "open, or go to the first child"],
      [["←"], "close, or go to the parent"],
      [["Enter"], "open the detail"],
      [["n", "N"], "next, previous match"],
      [["1", "…", "5"], "waterfall, flame graph, services, statistics, critical path"],
      [["r"], "show only the selected span and below; again for all"],
      [["f"], "fold repeated siblings, or not"],
      [["+", "−"], "zoom in, out"],
      [["0"], "all times"],
      [["drag"], "zoom to a stretch of time"],
      [["Ctrl + wheel"], "zoom at the pointer"],
      [["Shift + wheel"], "move along the time"],
    ],
  ],
];

/** All keys on one sheet. */
export function HelpDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const close = () => {
    isHelpOpen.value = false;
  };
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="shortcuts-title" onClose={close}>
      <header>
        <h2 id="shortcuts-title">Keyboard and pointer</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      {SECTIONS.map(([title, shortcuts]) => (
        <section key={title}>
          <h3>{title}</h3>
          <dl class="shortcuts">
            {shortcuts.map(([keys, meaning]) => (
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
        </section>
      ))}
    </dialog>
  );
}
