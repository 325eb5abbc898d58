// Rolling restarts under load, with a real Sigyn: what the apps recorded is what Sigyn has, each span once.
//
//   SIGYN_BINARY=target/debug/sigyn node clients/rolling/run.mjs [--restarts N] NAME COMMAND…
//
// The command gets a port as its last argument, serves its span buffer there, makes spans until SIGTERM,
// drains, prints {"recorded": N, "drain": "…"} and ends with 0.
import { rmSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { freePort, STEP_MS, serveSigyn, start, stopAll, temporaryFolder, until } from "../rig.mjs";

const APPS = 3;

const args = process.argv.slice(2);
const soak = process.env.SIGYN_SOAK === "1";
const restarts = args[0] === "--restarts" ? Number(args.splice(0, 2)[1]) : soak ? 50 : 6;
const [name, ...command] = args;
if (!process.env.SIGYN_BINARY || command.length === 0) {
  process.stderr.write("usage: SIGYN_BINARY=… node run.mjs [--restarts N] NAME COMMAND…\n");
  process.exit(2);
}

/** @returns {Promise<number>} what the app recorded */
async function end(app) {
  app.child.kill("SIGTERM");
  const late = setTimeout(() => app.child.kill("SIGKILL"), STEP_MS);
  const code = await app.code;
  clearTimeout(late);
  if (code !== 0) throw new Error(`the app ended with ${code}: ${app.err}`);
  const report = JSON.parse(app.out.trim().split("\n").at(-1));
  // "delivered" is a reader that was slow to come back; whether it has the spans is counted below.
  if (report.drain === "unread") throw new Error(`nobody read the end: ${app.out}`);
  if (report.recorded === 0) throw new Error("the app recorded nothing: this shows nothing");
  return report.recorded;
}

async function startApp(port) {
  const app = start(command[0], [...command.slice(1), String(port)]);
  const serves = async () => (await fetch(`http://127.0.0.1:${port}/debug/spans`, { method: "HEAD" })).ok;
  await until(`${name} serves`, serves, app);
  return app;
}

function total(metrics, metric, wanted = "") {
  return metrics
    .split("\n")
    .filter((line) => line.startsWith(`${metric}{`) && line.includes(wanted))
    .reduce((sum, line) => sum + Number(line.split(" ")[1]), 0);
}

const folder = temporaryFolder("rolling");
try {
  const ports = [];
  for (let index = 0; index < APPS; index += 1) ports.push(await freePort());
  const sigyn = await serveSigyn(folder, ports, "rolling");
  const apps = await Promise.all(ports.map(startApp));
  const reports = [];
  // One chain for each app: so all of them are restarted, at different moments.
  await Promise.all(
    apps.map(async (_, index) => {
      for (let count = index; count < restarts; count += APPS) {
        await pause(400 + 130 * index);
        reports.push(await end(apps[index]));
        apps[index] = await startApp(ports[index]);
      }
      await pause(400);
      reports.push(await end(apps[index]));
    }),
  );
  const recorded = reports.reduce((sum, count) => sum + count, 0);
  const metrics = await until("all spans are counted", async () => {
    const text = await sigyn.get("/metrics");
    return total(text, "sigyn_ingested_spans_total", 'via="scrape"') >= recorded && text;
  }).catch(() => sigyn.get("/metrics"));
  const ingested = total(metrics, "sigyn_ingested_spans_total", 'via="scrape"');
  const overwritten = total(metrics, "sigyn_lost_spans_total", 'reason="overwritten"');
  const report = { test: "rolling_restarts", client: name, restarts, recorded, ingested, overwritten };
  process.stdout.write(`${JSON.stringify(report)}\n`);
  if (ingested !== recorded || overwritten !== 0) {
    throw new Error(`${recorded} spans were recorded, ${ingested} arrived`);
  }
  sigyn.child.kill("SIGTERM");
  await sigyn.code;
} catch (error) {
  process.stderr.write(`${name}: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
}
