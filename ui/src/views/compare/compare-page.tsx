import type { CompareRoute } from "../../state/url.ts";

export function ComparePage({ route }: { readonly route: CompareRoute }) {
  return <h1>Compare {route.a}</h1>;
}
