import { say, sayRich } from "../base/say.ts";
import { Empty } from "./parts/states.tsx";

export function NotFoundPage({ path }: { readonly path: string }) {
  const isTrace = path.startsWith("/trace/");
  return (
    <Empty
      isWholePage
      title={isTrace ? say("notFound.thisIsNoTraceId") : say("notFound.thereIsNoSuchPage")}
    >
      <p>
        {sayRich(isTrace ? "notFound.noTraceId" : "notFound.noAddress", {
          path: <code>{path}</code>,
        })}
      </p>
      <p>
        {sayRich("notFound.elsewhere", {
          search: (words) => <a href="/search">{words}</a>,
          targets: (words) => <a href="/targets">{words}</a>,
        })}
      </p>
    </Empty>
  );
}
