// A canvas that is drawn when something changed and at no other time, with a scroller over it.

import { useSignalEffect } from "@preact/signals";
import type { ComponentChildren, RefObject } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { FrameScheduler } from "../../base/frame.ts";
import { prepareCanvas } from "../../render/canvas.ts";
import { theme } from "../../state/theme.ts";
import { type Size, useSize } from "./hooks.ts";

export interface Place {
  readonly x: number;
  readonly y: number;
}

export function Drawing(props: {
  readonly label: string;
  /** Height of what can be scrolled to. */
  readonly contentHeight: number;
  readonly draw: (context: CanvasRenderingContext2D, size: Size, scrollTop: number) => void;
  readonly onHover?: (place: Place | null, size: Size, scrollTop: number) => void;
  readonly onClick?: (place: Place, size: Size, scrollTop: number) => void;
  readonly scroller?: RefObject<HTMLDivElement | null>;
  readonly children?: ComponentChildren;
}) {
  const [frame, size] = useSize<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const own = useRef<HTMLDivElement>(null);
  const scroller = props.scroller ?? own;
  const latest = useRef(props);
  latest.current = props;
  const sizeNow = useRef(size);
  const width = scroller.current?.clientWidth || size.width;
  sizeNow.current = { width, height: size.height };
  const scheduler = useMemo(
    () =>
      new FrameScheduler(() => {
        const now = sizeNow.current;
        if (now.width === 0 || !canvas.current) return;
        const context = prepareCanvas(canvas.current, now.width, now.height);
        if (context) latest.current.draw(context, now, scroller.current?.scrollTop ?? 0);
      }),
    [],
  );
  useLayoutEffect(() => scheduler.request());
  useEffect(() => () => scheduler.cancel(), [scheduler]);
  // It is read when a frame is drawn, which rendering does not see.
  useSignalEffect(() => {
    if (theme.value) scheduler.request();
  });
  const place = (event: MouseEvent): Place => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const top = () => scroller.current?.scrollTop ?? 0;
  return (
    <div class="drawing" ref={frame}>
      <canvas ref={canvas} style={{ width: `${width}px`, height: `${size.height}px` }} />
      <div
        ref={scroller}
        class="drawing-scroller"
        role="img"
        aria-label={props.label}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by key.
        tabIndex={0}
        onScroll={() => scheduler.request()}
        onPointerMove={(event) => props.onHover?.(place(event), sizeNow.current, top())}
        onPointerLeave={() => props.onHover?.(null, sizeNow.current, top())}
        onPointerUp={(event) => props.onClick?.(place(event), sizeNow.current, top())}
      >
        <div style={{ height: `${props.contentHeight}px` }} />
      </div>
      {props.children}
    </div>
  );
}
