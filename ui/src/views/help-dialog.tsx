import { useEffect, useRef } from "preact/hooks";
import { say } from "../base/say.ts";
import { isHelpOpen } from "../state/help.ts";
import { Icon } from "./parts/icon.tsx";

type Shortcuts = readonly (readonly [readonly string[], string])[];

const SECTIONS: readonly (readonly [string, Shortcuts])[] = [
  [
    say("helpDialog.everywhere"),
    [
      [["?"], say("helpDialog.thisSheet")],
      [["/"], say("helpDialog.toTheQueryOrFindIn")],
      [["g", "s"], say("helpDialog.goToTheSearchVServices")],
      [[say("helpDialog.esc")], say("helpDialog.closeStepByStep")],
    ],
  ],
  [
    say("helpDialog.results"),
    [
      [["j", "k"], say("helpDialog.nextPreviousTrace")],
      [[say("helpDialog.enter")], say("helpDialog.openIt")],
    ],
  ],
  [
    say("helpDialog.trace"),
    [
      [["j", "↓"], say("helpDialog.nextRow")],
      [["k", "↑"], say("helpDialog.previousRow")],
      [["→"], say("helpDialog.openOrGoToTheFirst")],
      [["←"], say("helpDialog.closeOrGoToTheParent")],
      [[say("helpDialog.enter")], say("helpDialog.openTheDetail")],
      [["n", "N"], say("helpDialog.nextPreviousMatch")],
      [["1", "…", "5"], say("helpDialog.waterfallFlameGraphServicesStatisticsCritical")],
      [["r"], say("helpDialog.showOnlyTheSelectedSpanAnd")],
      [["f"], say("helpDialog.foldRepeatedSiblingsOrNot")],
      [["+", "−"], say("helpDialog.zoomInOut")],
      [["0"], say("helpDialog.allTimes")],
      [["drag"], say("helpDialog.zoomToAStretchOfTime")],
      [[say("helpDialog.ctrlWheel")], say("helpDialog.zoomAtThePointer")],
      [[say("helpDialog.shiftWheel")], say("helpDialog.moveAlongTheTime")],
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
        <h2 id="shortcuts-title">{say("helpDialog.keyboardAndPointer")}</h2>
        <button
          type="button"
          class="icon-button"
          aria-label={say("helpDialog.close")}
          onClick={close}
        >
          <Icon name="close" />
        </button>
      </header>
      <div class="dialog-sections">
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
      </div>
    </dialog>
  );
}
