import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FraudReport, TriplineClient } from "@tripline/client";
import { TriplineError } from "@tripline/client/tripline-error";
import { sendReports } from "./send-reports.js";

const ROWS = 5_000;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tripline-send-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const file = {
  async *reports(from = 0) {
    for (let row = from; row < ROWS; row += 1) yield { row, request: { report_id: `F${row}` } };
  },
};

/** Receives up to `max` reports, then stops responding; rejects every thousandth. */
function clientUntil(max: number, received: string[]): Pick<TriplineClient, "report"> {
  return {
    async report(reports, options) {
      if (received.length >= max) throw new TriplineError("unreachable", "The API does not answer.");
      for (const report of reports as Iterable<FraudReport>) {
        received.push(report.report_id);
        if (!report.report_id.endsWith("000")) continue;
        options?.onRejected?.(report, new TriplineError("invalid-field", `${report.report_id} is invalid.`, 422));
      }
    },
  };
}

test("an interrupted import continues with the first unsent window and keeps earlier rejections", async () => {
  const options = { progressPath: join(folder, "progress.json"), content: "a", onProgress() {} };
  const [first, second]: [string[], string[]] = [[], []];
  await expect(sendReports(file, clientUntil(2_000, first), options)).rejects.toThrow("does not answer");
  expect(JSON.parse(readFileSync(options.progressPath, "utf8"))).toMatchObject({ nextRow: 2_000 });
  const sent = await sendReports(file, clientUntil(ROWS, second), options);
  expect(second).toHaveLength(ROWS - 2_000);
  expect(second[0]).toBe("F2000");
  expect(sent.accepted).toBe(ROWS - 2_000 - 3);
  expect(sent.rejected.map(([row]) => row).toSorted((left, right) => left - right)).toEqual([
    1_000, 2_000, 3_000, 4_000,
  ]);
  expect(existsSync(`${options.progressPath}.new`)).toBe(false);
});

test("ignores the progress of another file or mapping", async () => {
  const options = { progressPath: join(folder, "progress.json"), content: "a", onProgress() {} };
  await sendReports(file, clientUntil(ROWS, []), options);
  const again: string[] = [];
  await sendReports(file, clientUntil(ROWS, again), { ...options, content: "b" });
  expect(again).toHaveLength(ROWS);
});
