import { readdirSync, readFileSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};
/** Vite writes the hash of the content into these names, so they never change. */
const HASHED = /^\/assets\//;
/** Extensions of the compressed copies that the build writes next to each file. */
const ENDS = { br: ".br", gzip: ".gz" } as const;

export interface PageFile {
  readonly type: string;
  readonly isImmutable: boolean;
  readonly body: Buffer;
  /** The compressed bodies, by content coding. */
  readonly coded: Readonly<Partial<Record<"br" | "gzip", Buffer>>>;
}

/**
 * The built page in memory, by path. Any other path is not found.
 *
 * @returns empty if the page is not built
 */
export function readPageFiles(folder: string): ReadonlyMap<string, PageFile> {
  const files = new Map(filesIn(folder).map((file) => [pathOf(folder, file), readFileSync(file)]));
  const plain = [...files].filter(([path]) => !Object.values(ENDS).some((end) => path.endsWith(end)));
  return new Map(
    plain.map(([path, body]) => {
      const [br, gzip] = [files.get(path + ENDS.br), files.get(path + ENDS.gzip)];
      const coded = { ...(br === undefined ? {} : { br }), ...(gzip === undefined ? {} : { gzip }) };
      const type = TYPES[extname(path)] ?? "application/octet-stream";
      return [path, { type, isImmutable: HASHED.test(path), body, coded }];
    }),
  );
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  } catch {
    return [];
  }
}

function pathOf(folder: string, file: string): string {
  return `/${relative(folder, file).split(sep).join("/")}`;
}
