import { useEffect, useRef, useState } from "preact/hooks";
import { say } from "../../base/say.ts";
import { Icon, type IconName } from "./icon.tsx";

export interface MenuItem {
  readonly label: string;
  readonly note?: string;
  /** Tells whether it worked. */
  readonly run: () => Promise<boolean>;
}

const DONE_MILLIS = 900;

/** A button with a list of things to do. Escape and a click elsewhere close it. */
export function Menu(props: {
  readonly label: string;
  readonly icon: IconName;
  readonly children: readonly MenuItem[];
}) {
  const [isOpen, setOpen] = useState(false);
  const [done, setDone] = useState("");
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isOpen) return;
    box.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus();
    const close = (event: PointerEvent) => {
      if (!(event.target instanceof Node) || !box.current?.contains(event.target)) setOpen(false);
    };
    addEventListener("pointerdown", close);
    return () => removeEventListener("pointerdown", close);
  }, [isOpen]);
  const move = (event: KeyboardEvent) => {
    const items = [...(box.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
    const at = items.indexOf(document.activeElement as HTMLElement);
    if (event.key === "ArrowDown") items[(at + 1) % items.length]?.focus();
    else if (event.key === "ArrowUp") items[(at - 1 + items.length) % items.length]?.focus();
    else if (event.key === "Escape") {
      setOpen(false);
      box.current?.querySelector("button")?.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const run = async (item: MenuItem) => {
    setDone((await item.run()) ? item.label : "");
    setTimeout(() => {
      setDone("");
      setOpen(false);
    }, DONE_MILLIS);
  };
  return (
    <div class="menu" ref={box}>
      <button
        type="button"
        class="small-button"
        aria-haspopup="menu"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        <Icon name={props.icon} /> {props.label}
      </button>
      {isOpen && (
        <div class="menu-list" role="menu" tabIndex={-1} onKeyDown={move}>
          {props.children.map((item) => (
            <button key={item.label} type="button" role="menuitem" onClick={() => void run(item)}>
              <span>{done === item.label ? say("menu.done") : item.label}</span>
              <span class="muted">{item.note}</span>
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
