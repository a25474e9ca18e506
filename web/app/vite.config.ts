import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: {
    // From its source: the app is built without building the client first.
    alias: [
      {
        find: /^@headgate\/client\/react$/,
        replacement: fileURLToPath(new URL("../client/src/react/index.ts", import.meta.url)),
      },
      { find: /^@headgate\/client$/, replacement: fileURLToPath(new URL("../client/src/index.ts", import.meta.url)) },
    ],
  },
  build: {
    // Into the Python package, so that an installed wheel needs no Node.
    outDir: "../../src/app/ui",
    emptyOutDir: true,
    // What is served says so itself; a page's stack traces are of no use to whoever visits it.
    sourcemap: false,
    manifest: ".vite/manifest.json",
    // Inlined assets would be data: addresses, which the content security policy allows for images only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2023",
  },
  server: { proxy: { "/api": { target: "http://127.0.0.1:8000", ws: true } } },
});
