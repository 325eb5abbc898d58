// Tests or measures every client whose toolchain is on this machine: node clients/run.mjs test|bench|demo [LANGUAGE…]
// `demo` makes the services of the polyglot demo ready and prints how each is started, one JSON object a line.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const npm = (process.env.NPM ?? "npm").split(" ");
const maven = ["mvn", "--batch-mode", "--quiet", "--no-transfer-progress"];
const python = join(here, "python/.venv/bin/python");

const javaPath = ["target/test-classes", "target/classes", "target/lib/*"].map((path) => join(here, "java", path)).join(":");

/** Steps are commands in the client's folder; what follows `rolling` and `demo` starts its apps, from any folder. */
const clients = {
  python: {
    needs: [["python3", "-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))"]],
    prepare: {
      stamp: ".venv/stamp",
      of: ["requirements-test.txt"],
      steps: [
        ["python3", "-m", "venv", "--clear", ".venv"],
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", "requirements-test.txt"],
      ],
    },
    env: { PYTHONPATH: join(here, "python"), PYTHONDONTWRITEBYTECODE: "1" },
    test: [
      [python, "-m", "ruff", "check", "--quiet", ".", "../vectors"],
      [python, "-m", "ruff", "format", "--quiet", "--check", ".", "../vectors"],
      [python, "-W", "error::ResourceWarning", "-m", "unittest", "discover", "--quiet", "--start-directory", "tests"],
    ],
    rolling: [python, join(here, "python/tests/app.py")],
    demo: { build: [], start: [python, join(here, "python/demo.py")] },
    bench: [[python, "bench.py"]],
    web: [python, join(here, "python/bench_web.py")],
  },
  node: {
    needs: [["node", "--version"]],
    prepare: {
      stamp: "node_modules/stamp",
      of: ["package.json", "package-lock.json"],
      steps: [[...npm, "ci", "--no-audit", "--no-fund", "--silent"]],
    },
    test: [[...npm, "run", "--silent", "lint"], [...npm, "run", "--silent", "test"]],
    rolling: ["node", join(here, "node/test/app.mjs")],
    demo: { build: [[...npm, "run", "--silent", "build"]], start: ["node", join(here, "node/demo.mjs")] },
    bench: [[...npm, "run", "--silent", "build"], ["node", "--expose-gc", "bench.mjs"]],
    web: ["node", join(here, "node/bench-web.mjs")],
  },
  go: {
    needs: [["go", "version"]],
    test: [["sh", "-c", "test -z \"$(gofmt -l .)\""], ["go", "vet", "./..."], ["go", "test", "./..."], ["go", "build", "-o", ".build/", "./internal/app"]],
    rolling: [join(here, "go/.build/app")],
    demo: { build: [["go", "build", "-o", ".build/", "./internal/demo"]], start: [join(here, "go/.build/demo")] },
    bench: [["go", "run", "./internal/bench"], ["go", "build", "-o", ".build/", "./internal/benchweb"]],
    web: [join(here, "go/.build/benchweb")],
  },
  java: {
    needs: [["javac", "--version"], ["mvn", "--version"]],
    test: [[...maven, "verify"]],
    rolling: ["java", "-cp", javaPath, "io.sigyn.RollingApp"],
    demo: { build: [[...maven, "-DskipTests", "package"]], start: ["java", "-cp", javaPath, "io.sigyn.DemoApp"] },
    bench: [
      [...maven, "-DskipTests", "package"],
      ["java", "-cp", javaPath, "io.sigyn.RecordBench"],
    ],
    web: ["java", "-Dsun.net.httpserver.nodelay=true", "-cp", javaPath, "io.sigyn.WebBench"],
  },
};

function has(command) {
  return spawnSync(command[0], command.slice(1), { stdio: "ignore" }).status === 0;
}

/** Runs a command; what it printed is shown when it fails, or when it is what was asked for. */
function run(name, client, command, loud) {
  return new Promise((resolve, reject) => {
    const options = { cwd: join(here, name), env: { ...process.env, ...client.env } };
    const child = spawn(command[0], command.slice(1), options);
    let out = "";
    child.stdout.on("data", (bytes) => (loud ? process.stdout.write(bytes) : (out += bytes)));
    child.stderr.on("data", (bytes) => (out += bytes));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) return resolve();
      reject(new Error(`${name}: ${command.join(" ")} ended with ${code}\n${out}`));
    });
  });
}

async function prepare(name, client) {
  if (!client.prepare) return;
  const stamp = join(here, name, client.prepare.stamp);
  const wanted = client.prepare.of.map((file) => readFileSync(join(here, name, file), "utf8")).join("\n");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  for (const step of client.prepare.steps) await run(name, client, step);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted);
}

/** What the polyglot demo needs to know of one service. */
function demoOf(name, { demo, env = {} }) {
  return { language: name, service: `polyglot-${name}`, directory: join(here, name), command: demo.start, env };
}

const tasks = {
  async test(name, client) {
    const began = performance.now();
    for (const step of client.test) await run(name, client, step);
    if (process.env.SIGYN_BINARY) {
      await run(name, client, ["node", join(here, "rolling/run.mjs"), name, ...client.rolling], true);
    } else {
      process.stdout.write(`${name} client: no rolling restarts, as SIGYN_BINARY is not set\n`);
    }
    process.stdout.write(`${name} client: good, ${((performance.now() - began) / 1000).toFixed(1)} s\n`);
  },
  async bench(name, client) {
    for (const step of client.bench) await run(name, client, step, true);
    await run(name, client, ["node", join(here, "bench_web.mjs"), name, ...client.web], true);
  },
  async demo(name, client) {
    for (const step of client.demo.build) await run(name, client, step);
    process.stdout.write(`${JSON.stringify(demoOf(name, client))}\n`);
  },
};

const [task, ...chosen] = process.argv.slice(2);
if (!tasks[task] || chosen.some((name) => !clients[name])) {
  const languages = Object.keys(clients).join("|");
  process.stderr.write(`usage: node clients/run.mjs ${Object.keys(tasks).join("|")} [${languages}…]\n`);
  process.exit(2);
}
const ready = [];
for (const [name, client] of Object.entries(clients)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const missing = client.needs.find((command) => !has(command));
  if (missing) {
    process.stderr.write(`${name} client: skipped, ${missing[0]} is not on this machine or too old\n`);
    continue;
  }
  try {
    await prepare(name, client);
    await tasks[task](name, client);
    ready.push(name);
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
if (task === "test" && process.env.SIGYN_BINARY && ready.length > 1) {
  try {
    for (const name of ready) for (const step of clients[name].demo.build) await run(name, clients[name], step);
    const services = ready.map((name) => JSON.stringify(demoOf(name, clients[name])));
    await run("polyglot", {}, ["node", "run.mjs", ...services], true);
    await run("polyglot", {}, ["node", "demo.mjs", ...ready], true);
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
