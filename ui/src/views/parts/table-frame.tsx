import type { ComponentChildren } from "preact";

/** A wide table scrolls in its frame, and a frame that scrolls must be reachable by key. */
export function TableFrame(props: {
  readonly label: string;
  readonly children: ComponentChildren;
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: see above.
    <section class="card table-frame" aria-label={props.label} tabIndex={0}>
      {props.children}
    </section>
  );
}
