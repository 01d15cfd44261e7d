import { readFile, rename, writeFile } from "node:fs/promises";
import type { FileReport, ReportFile } from "@tripline/backfill/reports/report-file";
import type { FraudReport, TriplineClient } from "@tripline/client";
import { BATCH_LINES } from "@tripline/client";
import { z } from "zod";

/** Maximum number of requests in flight. */
const REQUESTS_MAX = 4;
const WINDOW_ROWS = REQUESTS_MAX * BATCH_LINES;
/** If more rows are rejected, the mapping is wrong. */
const REJECTED_MAX = 10_000;

const progressSchema = z.object({
  /** Identifies the file, its mapping and the receiver. */
  content: z.string(),
  /** The first row that may not have been sent. */
  nextRow: z.int().min(0),
  rejected: z.array(z.tuple([z.int(), z.string()])),
});
type Progress = z.infer<typeof progressSchema>;

export interface SentReports {
  /** Number of reports that the API accepted in this run. */
  readonly accepted: number;
  /** Rejected by the API, in this run and in interrupted ones. */
  readonly rejected: Progress["rejected"];
}

/**
 * Sends the reports of a file, several batches at a time. After each window, it stores its position, so that an
 * interrupted import can continue. Repeating a window is safe, because the API recognises each report by its ID.
 *
 * @param options.content identifies the file, its mapping and the receiver; progress of other content is ignored
 * @throws TriplineError if the API is unavailable or rejects a request; Error if it rejects too many reports
 */
export async function sendReports(
  file: Pick<ReportFile, "reports">,
  client: Pick<TriplineClient, "report">,
  options: {
    readonly progressPath: string;
    readonly content: string;
    readonly onProgress: (done: number) => void;
  },
): Promise<SentReports> {
  const { progressPath, content, onProgress } = options;
  const { nextRow, rejected } = await readProgress(progressPath, content);
  let accepted = 0;
  let done = 0;
  for await (const window of windowsOf(file.reports(nextRow))) {
    const before = rejected.length;
    const batches = Array.from({ length: Math.ceil(window.length / BATCH_LINES) }, (_, index) =>
      window.slice(index * BATCH_LINES, (index + 1) * BATCH_LINES),
    );
    await Promise.all(batches.map((batch) => sendBatch(client, batch, rejected)));
    accepted += window.length - (rejected.length - before);
    done += window.length;
    if (rejected.length > REJECTED_MAX) {
      throw new Error(
        `The API rejected more than ${REJECTED_MAX} reports. The reason for the last rejection: ${rejected.at(-1)?.[1]}`,
      );
    }
    await writeProgress(progressPath, { content, nextRow: (window.at(-1)?.row ?? 0) + 1, rejected });
    onProgress(done);
  }
  return { accepted, rejected };
}

async function sendBatch(
  client: Pick<TriplineClient, "report">,
  batch: readonly FileReport[],
  rejected: [number, string][],
): Promise<void> {
  // The API validates the requests, whose fields come from a file.
  const rows = new Map(batch.map(({ row, request }) => [request as unknown as FraudReport, row]));
  await client.report(rows.keys(), {
    onRejected: (report, error) => rejected.push([rows.get(report) ?? 0, error.message]),
  });
}

async function* windowsOf(reports: AsyncIterable<FileReport>): AsyncGenerator<FileReport[]> {
  let window: FileReport[] = [];
  for await (const report of reports) {
    window.push(report);
    if (window.length < WINDOW_ROWS) continue;
    yield window;
    window = [];
  }
  if (window.length > 0) yield window;
}

async function readProgress(path: string, content: string): Promise<Progress> {
  const none: Progress = { content, nextRow: 0, rejected: [] };
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return none;
  const found = progressSchema.safeParse(JSON.parse(text));
  return found.success && found.data.content === content ? found.data : none;
}

/** Replaces the file atomically, so that an interruption does not leave a partial file. */
async function writeProgress(path: string, progress: Progress): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify(progress), { mode: 0o600 });
  await rename(`${path}.new`, path);
}
