import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";
import { defineConfig } from "vite";

/** Small files are not inlined, because the page's Content-Security-Policy does not allow data URLs. */
const INLINE_BYTES_MAX = 0;
/** From 0 to 11. Higher levels take many times as long. */
const BROTLI_QUALITY = 9;

/** Writes compressed copies of scripts and styles at build time, so that no server has to do it at startup. */
const compressFiles: Plugin = {
  name: "compress-files",
  writeBundle({ dir = "" }) {
    const files = readdirSync(dir, { recursive: true, encoding: "utf8" }).map((name) => join(dir, name));
    for (const file of files.filter((name) => /\.(js|css|svg)$/.test(name))) {
      const content = readFileSync(file);
      writeFileSync(`${file}.gz`, gzipSync(content));
      const params = { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY };
      writeFileSync(`${file}.br`, brotliCompressSync(content, { params }));
    }
  },
};

export default defineConfig({
  plugins: [compressFiles],
  build: {
    outDir: "dist/page",
    target: "es2022",
    assetsInlineLimit: INLINE_BYTES_MAX,
    sourcemap: false,
    manifest: true,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
    rolldownOptions: {
      // Ignores directives for React on servers, which have no effect in a browser.
      onLog: (level, log, handle) => log.code === "MODULE_LEVEL_DIRECTIVE" || handle(level, log),
    },
  },
  server: { proxy: { "/api": "http://127.0.0.1:7416", "/session": "http://127.0.0.1:7416" } },
});
