import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/*.test.{ts,tsx}"],
    // Browsers have a WebSocket; Node 20 hides its own.
    pool: "forks",
    execArgv: ["--experimental-websocket"],
    testTimeout: 20_000,
  },
});
