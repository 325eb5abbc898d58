import { Empty } from "./parts/states.tsx";

export function NotFoundPage({ path }: { readonly path: string }) {
  const isTrace = path.startsWith("/trace/");
  return (
    <Empty title={isTrace ? "This is no trace ID" : "There is no such page"}>
      <p>
        <code>{path}</code>{" "}
        {isTrace
          ? "does not end in 1 to 32 hex digits, as a trace ID does."
          : "is not an address of Sigyn's pages."}
      </p>
      <p>
        <a href="/search">Search for traces</a> or look at the <a href="/targets">targets</a>.
      </p>
    </Empty>
  );
}
