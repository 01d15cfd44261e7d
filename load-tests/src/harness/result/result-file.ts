import { readFile } from "node:fs/promises";
import { z } from "zod";
import { BenchError } from "../bench-error.js";

const spread = z.object({ median: z.number(), low: z.number(), high: z.number() });

/** The result of a benchmark. */
const benchResult = z.object({
  format: z.literal(1),
  name: z.string(),
  /** Start time, RFC 3339. */
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
  /** Versions by program or package. */
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
      /** The figures of the last line. */
      summary: z.record(z.string(), spread),
    }),
  ),
});

export type BenchResult = z.infer<typeof benchResult>;
export type PartResult = BenchResult["parts"][number];

/** @throws BenchError if the file is missing or is not a result */
export async function readResult(path: string): Promise<BenchResult> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch {
    throw new BenchError(`${path} cannot be read: specify the JSON file of an earlier run.`);
  }
  try {
    return benchResult.parse(JSON.parse(text));
  } catch (error) {
    const [issue] = error instanceof z.ZodError ? error.issues : [];
    const where = issue === undefined ? "it is not JSON" : `${issue.path.join(".") || "it"}: ${issue.message}`;
    throw new BenchError(`${path} is not the result of a benchmark (${where}).`);
  }
}
