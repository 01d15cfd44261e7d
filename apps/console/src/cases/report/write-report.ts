import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { TriplineError } from "@tripline/contracts/error-table";
import type { CaseDetail } from "../../contract/cases.js";
import type { ReportReader } from "./case-report.js";

/** A report of one page takes a few tenths of a second, and one of forty pages a few seconds. */
const WRITE_MS_MAX = 20_000;
const HEAP_MIB_MAX = 192;

/** Input of the thread that writes the report. */
export interface ReportOrder {
  readonly of: CaseDetail;
  readonly reader: ReportReader;
}

/**
 * Writes the report as PDF in a worker thread, so that it blocks no other requests and its memory is released
 * afterwards.
 *
 * @throws TriplineError `internal` if it takes too long or is too large
 */
export async function writeReport(order: ReportOrder): Promise<Buffer> {
  const worker = new Worker(new URL("./report-worker.js", import.meta.url), {
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB_MAX },
  });
  try {
    const [pdf] = await once(worker, "message", { signal: AbortSignal.timeout(WRITE_MS_MAX) });
    return Buffer.from(pdf);
  } catch (cause) {
    throw new TriplineError("internal", "The report could not be created.", [], { cause });
  } finally {
    await worker.terminate();
  }
}
