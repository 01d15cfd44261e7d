import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const PAGE = fileURLToPath(new URL("../page", import.meta.url));
const FIRST_LOAD_BYTES_MAX = 250_000;
/** The chart library is the largest part that a screen loads on demand. */
const LAZY_BYTES_MAX = 200_000;

interface Chunk {
  readonly file: string;
  readonly isEntry?: boolean;
  readonly imports?: readonly string[];
  readonly src?: string;
}

const manifest = JSON.parse(readFileSync(join(PAGE, ".vite", "manifest.json"), "utf8")) as Record<string, Chunk>;

/** A chunk and everything that must be loaded before it runs. */
function withImports(names: readonly string[]): Set<string> {
  const reached = new Set(names);
  for (const name of reached) for (const imported of manifest[name]?.imports ?? []) reached.add(imported);
  return reached;
}

const sizeOf = (name: string): number => gzipSync(readFileSync(join(PAGE, manifest[name]?.file ?? ""))).length;
const total = (names: Iterable<string>): number => [...names].reduce((sum, name) => sum + sizeOf(name), 0);

describe("what the browser loads", () => {
  test("the compressed page with the queue is within its limit", () => {
    const first = withImports(["index.html", "src/queue/queue.tsx"]);
    expect(total(first)).toBeLessThan(FIRST_LOAD_BYTES_MAX);
    expect([...first].join(" ")).not.toMatch(/echart|policy-text|linked-graph|live-series/);
  });

  test("no part that a screen loads later is larger than the charts", () => {
    const scripts = Object.keys(manifest).filter((name) => manifest[name]?.file.endsWith(".js"));
    expect(Math.max(...scripts.map(sizeOf))).toBeLessThan(LAZY_BYTES_MAX);
  });

  test("the document contains neither inline scripts nor styles", () => {
    const html = readFileSync(join(PAGE, "index.html"), "utf8");
    expect(html).not.toMatch(/<style|style=|<script(?![^>]* src=)|\son\w+=/);
  });
});
