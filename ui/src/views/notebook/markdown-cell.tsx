import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { say } from "../../base/say.ts";

type Markdown = typeof import("./markdown.ts");

/** Text that is read, and written when somebody clicks it. */
export function MarkdownCell(props: {
  readonly text: string;
  readonly onText: (text: string) => void;
}) {
  const [isEditing, setEditing] = useState(props.text === "");
  const [markdown, setMarkdown] = useState<Markdown | null>(null);
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    import("./markdown.ts").then(setMarkdown, () => setMarkdown(null));
  }, []);
  const nodes = useMemo(() => markdown?.markdownNodes(props.text), [markdown, props.text]);
  const end = () => setEditing(area.current?.value.trim() === "");
  const endAfterClick = useEndAfterClick(end);
  const begin = () => {
    setEditing(true);
    requestAnimationFrame(() => area.current?.focus());
  };
  if (isEditing) {
    return (
      <div class="cell-text">
        <textarea
          ref={area}
          class="mono"
          aria-label={say("markdownCell.textInMarkdown")}
          placeholder={say("markdownCell.writeInMarkdownWhatIsAsked")}
          value={props.text}
          rows={Math.min(24, Math.max(3, props.text.split("\n").length + 1))}
          onInput={(event) => props.onText(event.currentTarget.value)}
          onKeyDown={(event) => {
            const isDone = event.key === "Enter" && (event.ctrlKey || event.shiftKey);
            if (event.key !== "Escape" && !isDone) return;
            event.preventDefault();
            end();
          }}
          onBlur={endAfterClick}
        />
      </div>
    );
  }
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the button below does the same by key.
    <div class="cell-text prose" onDblClick={begin}>
      {nodes ?? <p class="prose-plain">{props.text}</p>}
      <button type="button" class="link prose-edit" onClick={begin}>
        {say("markdownCell.edit")}
      </button>
    </div>
  );
}

/**
 * Ends the writing when the focus goes, but not before a click is over: the text takes less room than its
 * field, and what somebody is about to click would move away from the pointer.
 */
function useEndAfterClick(end: () => void): () => void {
  const isPointerDown = useRef(false);
  const latest = useRef(end);
  latest.current = end;
  useEffect(() => {
    const down = () => {
      isPointerDown.current = true;
    };
    const up = () => {
      isPointerDown.current = false;
    };
    addEventListener("pointerdown", down, true);
    addEventListener("click", up);
    addEventListener("pointercancel", up);
    return () => {
      removeEventListener("pointerdown", down, true);
      removeEventListener("click", up);
      removeEventListener("pointercancel", up);
    };
  }, []);
  return () => {
    if (!isPointerDown.current) latest.current();
    else addEventListener("click", () => latest.current(), { once: true });
  };
}
