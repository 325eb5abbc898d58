import { useState } from "preact/hooks";
import { traceId } from "../base/ids.ts";
import { say } from "../base/say.ts";
import { isHelpOpen } from "../state/help.ts";
import { navigate, route } from "../state/router.ts";
import { type ThemeChoice, themeChoice } from "../state/theme.ts";
import { type Route, traceRoute } from "../state/url.ts";
import { Icon } from "./parts/icon.tsx";

const PAGES: readonly (readonly [Route["page"], string, string])[] = [
  ["search", "/search", say("header.search")],
  ["services", "/services", say("header.services")],
  ["compare", "/compare", say("header.compare")],
  ["targets", "/targets", say("header.targets")],
  ["service-discovery", "/service-discovery", say("header.discovery")],
  ["exemplars", "/exemplars", say("header.exemplars")],
  ["notebooks", "/notebooks", say("header.notebooks")],
  ["status", "/status", say("header.status")],
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
      <a class="wordmark" href="/search" aria-label={say("header.sigynToTheSearch")}>
        <Bowl />
        <span>{say("header.sigyn")}</span>
      </a>
      <nav class="nav" aria-label={say("header.pages")}>
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
        aria-label={say("header.keyboardShortcuts")}
        title={say("header.keyboardShortcuts2")}
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
        placeholder={say("header.goToTraceId")}
        aria-label={say("header.goToTraceId2")}
        aria-invalid={isWrong}
        title={isWrong ? say("header.aTraceIdIs1To") : undefined}
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
  const label = say("header.themeChangeIt", {
    value: choice === "auto" ? say("header.asTheSystem") : choice,
  });
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
