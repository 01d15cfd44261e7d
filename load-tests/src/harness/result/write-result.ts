import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { plotResult } from "./plot-result.js";
import type { BenchResult } from "./result-file.js";

/** Writes `<folder>/<name>-<time>.json`, and a page with plots as `.html`. @returns the path of the JSON file */
export async function writeResult(folder: string, result: BenchResult): Promise<string> {
  const time = result.date.replaceAll(/[-:]|\.\d+/g, "");
  const path = join(folder, `${result.name}-${time}.json`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${JSON.stringify(result, null, 2)}\n`);
  await writeFile(path.replace(/json$/, "html"), plotResult(result));
  return path;
}
