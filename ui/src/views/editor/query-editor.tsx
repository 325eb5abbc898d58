import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { say } from "../../base/say.ts";
import type { Editor } from "./codemirror.ts";
import { completeQuery } from "./complete.ts";

const PLACEHOLDER = '{ resource.service.name = "shop" && duration > 100ms }';

/**
 * The query line. An input at first, so that the page is usable at once; the editor takes its place,
 * in the same box, when its file has come. Where it does not come, the input stays.
 */
export function QueryEditor(props: {
  readonly text: string;
  /** Place of the fault; null where there is none. */
  readonly faultAt: number | null;
  readonly isInvalid: boolean;
  /** Whether it is the one query of its page, that others name by its ID. */
  readonly hasId?: boolean;
  readonly onText: (text: string) => void;
  readonly onRun: (text: string) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | null>(null);
  const latest = useRef(props);
  latest.current = props;
  /** What the editor itself last said. */
  const written = useRef(props.text);
  const [isReady, setReady] = useState(false);
  useEffect(() => {
    let isGone = false;
    import("./codemirror.ts").then(
      ({ createEditor }) => {
        if (isGone || !box.current) return;
        const hadFocus = box.current.contains(document.activeElement);
        setReady(true);
        editor.current = createEditor({
          parent: box.current,
          text: latest.current.text,
          placeholder: PLACEHOLDER,
          label: say("queryEditor.traceqlQuery"),
          onChange: (text) => {
            written.current = text;
            latest.current.onText(text);
          },
          onRun: (text) => latest.current.onRun(text),
          complete: completeQuery,
        });
        if (hadFocus) editor.current.focus();
      },
      () => {
        // The plain input does all that is needed.
      },
    );
    return () => {
      isGone = true;
      editor.current?.destroy();
      editor.current = null;
    };
  }, []);
  // At once after rendering: a text that was typed meanwhile must not be taken back by an older one.
  useLayoutEffect(() => {
    if (props.text !== written.current) editor.current?.setText(props.text);
    written.current = props.text;
  }, [props.text]);
  useEffect(() => editor.current?.setFault(props.faultAt), [props.faultAt, isReady]);
  return (
    <div ref={box} class={props.isInvalid ? "query-box invalid" : "query-box"}>
      {!isReady && (
        <input
          id={props.hasId === false ? undefined : "query"}
          type="text"
          class="mono"
          value={props.text}
          placeholder={PLACEHOLDER}
          aria-label={say("queryEditor.traceqlQuery")}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          onInput={(event) => props.onText(event.currentTarget.value)}
        />
      )}
    </div>
  );
}
