import { useState } from "preact/hooks";
import { traceId } from "../base/ids.ts";
import { isHelpOpen } from "../state/help.ts";
import { navigate, route } from "../state/router.ts";
import { type ThemeChoice, themeChoice } from "../state/theme.ts";
import { type Route, traceRoute } from "../state/url.ts";
import { Icon } from "./parts/icon.tsx";

const PAGES: readonly (readonly [Route["page"], string, string])[] = [
  ["search", "/search", "Search"],
  ["services", "/services", "Services"],
  ["compare", "/compare", "Compare"],
  ["targets", "/targets", "Targets"],
  ["service-discovery", "/service-discovery", "Discovery"],
  ["exemplars", "/exemplars", "Exemplars"],
  ["notebooks", "/notebooks", "Notebooks"],
  ["status", "/status", "Status"],
];

/** Pages that have no entry of their own. */
const SHOWN_UNDER: Readonly<Partial<Record<Route["page"], Route["page"]>>> = {
  trace: "search",
  notebook: "notebooks",
};

export function Header() {
  const current = route.value.page;
  return (
    <header class="header">
      <a class="wordmark" href="/search" aria-label="Sigyn, to the search">
        <Bowl />
        <span>Sigyn</span>
      </a>
      <nav class="nav" aria-label="Pages">
        {PAGES.map(([page, href, label]) => (
          <a
            key={page}
            href={href}
            aria-current={current === page || SHOWN_UNDER[current] === page ? "page" : undefined}
          >
            {label}
          </a>
        ))}
      </nav>
      <TraceJump />
      <button
        type="button"
        class="icon-button help-button"
        aria-label="Keyboard shortcuts"
        title="Keyboard shortcuts (?)"
        onClick={() => {
          isHelpOpen.value = true;
        }}
      >
        <Icon name="keyboard" />
      </button>
      <ThemeToggle />
    </header>
  );
}

/** A bowl under drops: what Sigyn holds in the myth. */
function Bowl() {
  return (
    <svg class="bowl" viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
      <path class="bowl-body" d="M4 17h24a12 11 0 0 1-24 0z" />
      <path
        class="bowl-drop"
        d="M16 3c2.200 3.200 3.300 4.800 3.300 6.600a3.300 3.300 0 0 1-6.600 0C12.700 7.800 13.800 6.200 16 3z"
      />
    </svg>
  );
}

function TraceJump() {
  const [isWrong, setWrong] = useState(false);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const text = String(new FormData(form).get("id") ?? "");
    const id = traceId(text);
    setWrong(id === null && text.trim() !== "");
    if (id === null) return;
    form.reset();
    navigate(traceRoute(id));
  };
  return (
    <form class="jump" onSubmit={submit}>
      <input
        name="id"
        type="text"
        class="mono"
        placeholder="Go to trace ID…"
        aria-label="Go to trace ID"
        aria-invalid={isWrong}
        title={isWrong ? "A trace ID is 1 to 32 hex digits." : undefined}
        autocomplete="off"
        spellcheck={false}
        onInput={() => setWrong(false)}
      />
    </form>
  );
}

const NEXT: Readonly<Record<ThemeChoice, ThemeChoice>> = {
  auto: "light",
  light: "dark",
  dark: "auto",
};

function ThemeToggle() {
  const choice = themeChoice.value;
  const label = `Theme: ${choice === "auto" ? "as the system" : choice}. Change it.`;
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={label}
      title={label}
      onClick={() => {
        themeChoice.value = NEXT[choice];
      }}
    >
      <Icon name={choice === "auto" ? "auto" : choice === "light" ? "sun" : "moon"} />
    </button>
  );
}
