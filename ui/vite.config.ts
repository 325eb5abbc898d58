import { defineConfig } from "vitest/config";

// The API that the development server talks to: a running Sigyn, or the fixture server.
const api = process.env.SIGYN_URL ?? "http://127.0.0.1:7449";

export default defineConfig({
  base: "/",
  build: {
    target: "es2022",
    // The binary embeds dist/; a source map would double it and is not needed to read stack traces.
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  server: { proxy: { "/api": api, "/metrics": api } },
  preview: { proxy: { "/api": api, "/metrics": api } },
  // The large trees take a second; on a machine that builds Rust beside them, many.
  test: { include: ["test/unit/**/*.test.{ts,tsx}"], environment: "node", testTimeout: 30_000 },
});
