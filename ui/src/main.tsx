import { render } from "preact";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/query.css";
import "./styles/search.css";
import "./styles/trace.css";
import "./styles/detail.css";
import "./styles/glance.css";
import "./styles/tables.css";
import "./styles/services.css";
import { askAhead } from "./api/client.ts";
import { tracePath } from "./api/trace-path.ts";
import { startClock } from "./state/clock.ts";
import { route, startRouter } from "./state/router.ts";
import { loadServices } from "./state/services.ts";
import { startTheme } from "./state/theme.ts";
import { App } from "./views/app.tsx";

startTheme();
startRouter();
startClock();
// A trace is the largest answer of all, and its page is not even here yet.
const first = route.peek();
if (first.page === "trace") askAhead(tracePath(first.traceId));
void loadServices();

const root = document.getElementById("app");
if (root) render(<App />, root);
