import { say } from "../base/say.ts";
import { Empty } from "./parts/states.tsx";

export function NotFoundPage({ path }: { readonly path: string }) {
  const isTrace = path.startsWith("/trace/");
  return (
    <Empty title={isTrace ? say("notFound.thisIsNoTraceId") : say("notFound.thereIsNoSuchPage")}>
      <p>
        <code>{path}</code>{" "}
        {isTrace ? say("notFound.doesNotEndIn1To") : say("notFound.isNotAnAddressOfSigyn")}
      </p>
      <p>
        <a href="/search">{say("notFound.searchForTraces")}</a> {say("notFound.orLookAtThe")}{" "}
        <a href="/targets">{say("notFound.targets")}</a>.
      </p>
    </Empty>
  );
}
