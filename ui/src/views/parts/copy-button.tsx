import { useState } from "preact/hooks";
import { say } from "../../base/say.ts";
import { Icon } from "./icon.tsx";

const SHOWN_MILLIS = 1200;

export function CopyButton(props: {
  readonly text: string;
  readonly label: string;
  readonly caption?: string;
}) {
  const [isDone, setDone] = useState(false);
  const copy = async () => {
    if (await copyText(props.text)) {
      setDone(true);
      setTimeout(() => setDone(false), SHOWN_MILLIS);
    }
  };
  return (
    <button
      type="button"
      class={props.caption ? "small-button" : "icon-button copy"}
      aria-label={isDone ? say("copyButton.copied") : props.label}
      title={props.label}
      onClick={copy}
    >
      <Icon name={isDone ? "check" : "copy"} />
      {props.caption && <span>{isDone ? say("copyButton.copied") : props.caption}</span>}
    </button>
  );
}

/** The clipboard proper needs a secure address; many Sigyns run on plain HTTP. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.style.position = "fixed";
    area.style.opacity = "0";
    document.body.append(area);
    area.select();
    const isCopied = document.execCommand("copy");
    area.remove();
    return isCopied;
  }
}
