// Minimap, tool bar, one of the views, and the detail of the selected span.

import { useRef, useState } from "preact/hooks";
import { say } from "../../base/say.ts";
import type { PlacedExemplar } from "../../model/exemplars.ts";
import type { Loss } from "../../model/losses.ts";
import { isHelpOpen } from "../../state/help.ts";
import { FlameView } from "./flame-view.tsx";
import { LanesView } from "./lanes-view.tsx";
import { Minimap } from "./minimap-view.tsx";
import { PathList } from "./path-list.tsx";
import { SpanDetail } from "./span-detail.tsx";
import { SpanGroupTable } from "./span-group-table.tsx";
import { Toolbar } from "./toolbar.tsx";
import { useTraceKeys } from "./trace-keys.ts";
import type { TraceState } from "./trace-state.ts";
import { Waterfall } from "./waterfall-view.tsx";

export function TraceWorkbench(props: {
  readonly state: TraceState;
  readonly exemplars: readonly PlacedExemplar[];
  readonly lost: readonly Loss[];
}) {
  const { state } = props;
  const { trace, route, selected } = state;
  const [isDetailOpen, setDetailOpen] = useState(route.span !== null);
  const findInput = useRef<HTMLInputElement>(null);
  const split = useRef<HTMLDivElement>(null);
  const setDetail = (isOpen: boolean) => {
    // What had the focus goes with the detail; the spans beside it take it.
    const isInDetail = document.activeElement?.closest(".detail") != null;
    if (!isOpen && isInDetail) {
      split.current?.querySelector<HTMLElement>("[tabindex='0']")?.focus({ preventScroll: true });
    }
    setDetailOpen(isOpen);
  };
  const choose = (span: number) => {
    state.select(span);
    setDetailOpen(true);
  };
  useTraceKeys(state, {
    isOff: isHelpOpen.value,
    isDetailOpen,
    setDetailOpen: setDetail,
    focusFind: () => findInput.current?.select(),
  });
  return (
    <section class="workbench" aria-label={say("traceWorkbench.spans")}>
      <Minimap trace={trace} view={state.view} full={state.full} onView={state.setView} />
      <Toolbar state={state} findInput={findInput} />
      <div class="split" ref={split}>
        <ShownView {...props} onSelect={choose} />
        {isDetailOpen && selected >= 0 && (
          <SpanDetail
            trace={trace}
            route={route}
            index={selected}
            pathNanos={pathNanosOf(state, selected)}
            wholeNanos={state.home.to - state.home.from}
            zeroNanos={state.zeroNanos}
            exemplars={props.exemplars.filter((placed) => placed.span === selected)}
            onClose={() => setDetail(false)}
            onSelect={state.select}
            onRoot={state.setRoot}
          />
        )}
      </div>
    </section>
  );
}

function ShownView(props: {
  readonly state: TraceState;
  readonly exemplars: readonly PlacedExemplar[];
  readonly lost: readonly Loss[];
  readonly onSelect: (span: number) => void;
}) {
  switch (props.state.route.show) {
    case "waterfall":
      return <Waterfall {...props} />;
    case "flame":
      return <FlameView {...props} />;
    case "lanes":
      return <LanesView {...props} />;
    case "table":
      return <SpanGroupTable {...props} />;
    case "path":
      return <PathList {...props} />;
  }
}

function pathNanosOf({ path }: TraceState, span: number): number {
  return path.bySelfTime.find((entry) => entry.span === span)?.nanos ?? 0;
}
