// Tests or measures every client whose toolchain is on this machine: node clients/run.mjs test|bench [LANGUAGE…]
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const npm = (process.env.NPM ?? "npm").split(" ");
const maven = ["mvn", "--batch-mode", "--quiet", "--no-transfer-progress"];
const python = join(here, "python/.venv/bin/python");

/** Steps are commands in the client's folder; what follows `rolling` starts its app. */
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
    rolling: [python, "tests/app.py"],
    bench: [[python, "bench.py"]],
  },
  node: {
    needs: [["node", "--version"]],
    prepare: {
      stamp: "node_modules/stamp",
      of: ["package.json", "package-lock.json"],
      steps: [[...npm, "ci", "--no-audit", "--no-fund", "--silent"]],
    },
    test: [[...npm, "run", "--silent", "lint"], [...npm, "run", "--silent", "test"]],
    rolling: ["node", "test/app.mjs"],
    bench: [["node", "--expose-gc", "bench.mjs"]],
  },
  go: {
    needs: [["go", "version"]],
    test: [["sh", "-c", "test -z \"$(gofmt -l .)\""], ["go", "vet", "./..."], ["go", "test", "./..."], ["go", "build", "-o", ".build/", "./internal/app"]],
    rolling: [".build/app"],
    bench: [["go", "run", "./internal/bench"]],
  },
  java: {
    needs: [["javac", "--version"], ["mvn", "--version"]],
    test: [[...maven, "package"]],
    rolling: ["java", "-cp", "target/test-classes:target/classes:target/lib/*", "io.sigyn.RollingApp"],
    bench: [
      [...maven, "-DskipTests", "package"],
      ["java", "-cp", "target/test-classes:target/classes:target/lib/*", "io.sigyn.RecordBench"],
    ],
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

const [task, ...chosen] = process.argv.slice(2);
if (!["test", "bench"].includes(task) || chosen.some((name) => !clients[name])) {
  process.stderr.write(`usage: node clients/run.mjs test|bench [${Object.keys(clients).join("|")}…]\n`);
  process.exit(2);
}
for (const [name, client] of Object.entries(clients)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const missing = client.needs.find((command) => !has(command));
  if (missing) {
    process.stdout.write(`${name} client: skipped, ${missing[0]} is not on this machine or too old\n`);
    continue;
  }
  try {
    await prepare(name, client);
    const began = performance.now();
    for (const step of client[task]) await run(name, client, step, task === "bench");
    if (task === "test") {
      if (process.env.SIGYN_BINARY) {
        await run(name, client, ["node", join(here, "rolling/run.mjs"), name, ...client.rolling], true);
      } else {
        process.stdout.write(`${name} client: no rolling restarts, as SIGYN_BINARY is not set\n`);
      }
      process.stdout.write(`${name} client: good, ${((performance.now() - began) / 1000).toFixed(1)} s\n`);
    }
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
