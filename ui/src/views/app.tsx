import { useEffect } from "preact/hooks";
import { route } from "../state/router.ts";
import type { Route } from "../state/url.ts";
import { ExemplarsPage } from "./exemplars-page.tsx";
import { Header } from "./header.tsx";
import { NotFoundPage } from "./not-found-page.tsx";
import { SearchPage } from "./search/search-page.tsx";
import { ServicesPage } from "./services-page.tsx";
import { DiscoveryPage } from "./targets/discovery-page.tsx";
import { TargetsPage } from "./targets/targets-page.tsx";
import { TracePage } from "./trace/trace-page.tsx";

const TITLES: Readonly<Record<Route["page"], string>> = {
  search: "Search",
  trace: "Trace",
  services: "Services",
  targets: "Targets",
  "service-discovery": "Service discovery",
  exemplars: "Exemplars",
  "not-found": "Not found",
};

export function App() {
  const page = route.value.page;
  useEffect(() => {
    document.title = `${TITLES[page]} · Sigyn`;
  }, [page]);
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <Header />
      <main id="main" tabIndex={-1} class={`page page-${page}`}>
        <Page />
      </main>
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
      return <ServicesPage selected={now.service} />;
    case "targets":
      return <TargetsPage filter={now.filter} health={now.health} />;
    case "service-discovery":
      return <DiscoveryPage filter={now.filter} />;
    case "exemplars":
      return <ExemplarsPage query={now.query} range={now.range} />;
    case "not-found":
      return <NotFoundPage path={now.path} />;
  }
}
