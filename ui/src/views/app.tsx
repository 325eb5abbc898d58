import { useEffect, useRef } from "preact/hooks";
import { say } from "../base/say.ts";
import { isHelpOpen } from "../state/help.ts";
import { navigate, route } from "../state/router.ts";
import { parseRoute, type Route } from "../state/url.ts";
import { Header } from "./header.tsx";
import { HelpDialog } from "./help-dialog.tsx";
import { NotFoundPage } from "./not-found-page.tsx";
import { isTyping, usePageKeys } from "./parts/hooks.ts";
import { fetchPagesWhenIdle, lazyPage } from "./parts/lazy-page.tsx";
import { SearchPage } from "./search/search-page.tsx";

const TracePage = lazyPage(async () => (await import("./trace/trace-page.tsx")).TracePage);
const ServicesPage = lazyPage(
  async () => (await import("./services/services-page.tsx")).ServicesPage,
);
const TargetsPage = lazyPage(async () => (await import("./targets/targets-page.tsx")).TargetsPage);
const ComparePage = lazyPage(async () => (await import("./compare/compare-page.tsx")).ComparePage);
const ExemplarsPage = lazyPage(
  async () => (await import("./exemplars/exemplars-page.tsx")).ExemplarsPage,
);
const DiscoveryPage = lazyPage(
  async () => (await import("./targets/discovery-page.tsx")).DiscoveryPage,
);
const StatusPage = lazyPage(async () => (await import("./status-page.tsx")).StatusPage);
const NotebookListPage = lazyPage(
  async () => (await import("./notebook/notebook-list-page.tsx")).NotebookListPage,
);
const NotebookPage = lazyPage(
  async () => (await import("./notebook/notebook-page.tsx")).NotebookPage,
);

const TITLES: Readonly<Record<Route["page"], string>> = {
  search: say("app.search"),
  trace: say("app.trace"),
  services: say("app.services"),
  compare: say("app.compare"),
  targets: say("app.targets"),
  "service-discovery": say("app.serviceDiscovery"),
  exemplars: say("app.exemplars"),
  notebooks: say("app.notebooks"),
  notebook: say("app.notebook"),
  status: say("app.status"),
  "not-found": say("app.notFound"),
};

/** `g` and then one of these goes to a page. */
const GO_TO: Readonly<Record<string, string>> = {
  s: "/search",
  v: "/services",
  c: "/compare",
  t: "/targets",
  d: "/service-discovery",
  e: "/exemplars",
  n: "/notebooks",
  i: "/status",
};
const GO_MILLIS = 1200;

function useGlobalKeys(): void {
  const wentAt = useRef(0);
  usePageKeys((event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (isHelpOpen.peek()) return;
    const isSecond = Date.now() - wentAt.current < GO_MILLIS;
    wentAt.current = event.key === "g" ? Date.now() : 0;
    const path = isSecond ? GO_TO[event.key] : undefined;
    if (path) {
      event.preventDefault();
      event.stopImmediatePropagation();
      navigate(parseRoute(path, ""));
    } else if (event.key === "?") {
      event.preventDefault();
      isHelpOpen.value = true;
    }
  });
}

/** The link that led here is gone with its page; whoever reads by key or by ear goes on with the new page's content. */
function useFocusOnNewPage(page: string): void {
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current && document.activeElement === document.body) {
      document.getElementById("main")?.focus({ preventScroll: true });
    }
    isFirst.current = false;
  }, [page]);
}

export function App() {
  useGlobalKeys();
  const page = route.value.page;
  useFocusOnNewPage(page);
  useEffect(fetchPagesWhenIdle, []);
  useEffect(() => {
    // These pages name themselves when they know what they show.
    if (page !== "trace" && page !== "notebook")
      document.title = say("app.sigyn", { page: TITLES[page] });
  }, [page]);
  return (
    <>
      <a class="skip" href="#main">
        {say("app.skipToTheContent")}
      </a>
      <Header />
      <main id="main" tabIndex={-1} class={`page page-${page}`}>
        <Page />
      </main>
      {isHelpOpen.value && <HelpDialog />}
    </>
  );
}

function Page() {
  const now = route.value;
  switch (now.page) {
    case "search":
      return <SearchPage route={now} />;
    case "trace":
      return <TracePage key={now.traceId} route={now} />;
    case "services":
      return <ServicesPage route={now} />;
    case "compare":
      return <ComparePage route={now} />;
    case "targets":
      return <TargetsPage filter={now.filter} health={now.health} />;
    case "service-discovery":
      return <DiscoveryPage filter={now.filter} />;
    case "exemplars":
      return <ExemplarsPage query={now.query} range={now.range} />;
    case "notebooks":
      return <NotebookListPage />;
    case "notebook":
      return <NotebookPage id={now.id} />;
    case "status":
      return <StatusPage />;
    case "not-found":
      return <NotFoundPage path={now.path} />;
  }
}
