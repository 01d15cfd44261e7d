import { defineConfig } from "vite";

/** Small files stay files: the page's Content-Security-Policy allows none inside a style or a script. */
const INLINE_BYTES_MAX = 0;

export default defineConfig({
  build: {
    outDir: "dist/page",
    target: "es2022",
    assetsInlineLimit: INLINE_BYTES_MAX,
    sourcemap: false,
    manifest: true,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
    rolldownOptions: {
      // Libraries mark their modules for React on servers, which means nothing in a browser.
      onLog: (level, log, handle) => log.code === "MODULE_LEVEL_DIRECTIVE" || handle(level, log),
    },
  },
  server: { proxy: { "/api": "http://127.0.0.1:7416", "/session": "http://127.0.0.1:7416" } },
});
