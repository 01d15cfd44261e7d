import { readdirSync, readFileSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

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
const COMPRESSED: ReadonlySet<string> = new Set([
  ".css",
  ".html",
  ".js",
  ".json",
  ".map",
  ".svg",
  ".txt",
  ".webmanifest",
]);
/** Of 0 to 11; the next ones take many times as long. */
const BROTLI_QUALITY = 9;

export interface PageFile {
  readonly type: string;
  readonly isImmutable: boolean;
  readonly body: Buffer;
  /** By the name of the coding. */
  readonly coded: Readonly<Partial<Record<"br" | "gzip", Buffer>>>;
}

const brotli = promisify(brotliCompress);
const zip = promisify(gzip);

/**
 * The built page in memory, by path: a path that is not among the files leads nowhere else.
 *
 * @returns empty where it was not built
 */
export async function readPageFiles(folder: string): Promise<ReadonlyMap<string, PageFile>> {
  const entries = await Promise.all(
    filesIn(folder).map(async (file) => [pathOf(folder, file), await read(folder, file)] as const),
  );
  return new Map(entries);
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

async function read(folder: string, file: string): Promise<PageFile> {
  const body = readFileSync(file);
  const type = extname(file);
  const isCoded = COMPRESSED.has(type);
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } };
  return {
    type: TYPES[type] ?? "application/octet-stream",
    isImmutable: HASHED.test(pathOf(folder, file)),
    body,
    coded: isCoded ? { br: await brotli(body, quality), gzip: await zip(body) } : {},
  };
}
