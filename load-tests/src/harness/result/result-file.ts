import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { BenchError } from "../bench-error.js";
import { plotResult } from "./plot-result.js";

const spread = z.object({ median: z.number(), low: z.number(), high: z.number() });

/** What a benchmark leaves behind. */
const benchResult = z.object({
  format: z.literal(1),
  name: z.string(),
  /** When it began, RFC 3339. */
  date: z.string(),
  durationS: z.number(),
  commit: z.string(),
  machine: z.object({
    cpu: z.string(),
    cores: z.number(),
    memoryGb: z.number(),
    system: z.string(),
    loadAverage: z.number(),
  }),
  /** By program or package. */
  versions: z.record(z.string(), z.string()),
  parts: z.array(
    z.object({
      name: z.string(),
      title: z.string(),
      notes: z.array(z.string()),
      contestants: z.array(
        z.object({
          name: z.string(),
          rounds: z.number(),
          figures: z.record(z.string(), spread.extend({ values: z.array(z.number()).readonly() })),
        }),
      ),
      /** What the last line is made of. */
      summary: z.record(z.string(), spread),
    }),
  ),
});

export type BenchResult = z.infer<typeof benchResult>;
export type PartResult = BenchResult["parts"][number];

/** Writes `<folder>/<name>-<time>.json` and a page with its plots beside it, `.html`. @returns the path of the first */
export async function writeResult(folder: string, result: BenchResult): Promise<string> {
  const time = result.date.replaceAll(/[-:]|\.\d+/g, "");
  const path = join(folder, `${result.name}-${time}.json`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${JSON.stringify(result, null, 2)}\n`);
  await writeFile(path.replace(/json$/, "html"), plotResult(result));
  return path;
}

/** @throws BenchError when the file is missing or is not a result */
export async function readResult(path: string): Promise<BenchResult> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch {
    throw new BenchError(`${path} cannot be read: give the JSON file that an earlier run wrote.`);
  }
  try {
    return benchResult.parse(JSON.parse(text));
  } catch (error) {
    const [issue] = error instanceof z.ZodError ? error.issues : [];
    const where = issue === undefined ? "it is not JSON" : `${issue.path.join(".") || "it"}: ${issue.message}`;
    throw new BenchError(`${path} is not the result of a benchmark (${where}).`);
  }
}
