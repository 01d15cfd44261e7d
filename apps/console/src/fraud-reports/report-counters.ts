import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { counter } from "@tripline/telemetry/metrics";
import { z } from "zod";
import type { CountedReport } from "./add-reports.js";

const labelledRow = z.object({
  outcome: z.number(),
  truth: z.enum(["fraud", "genuine"]),
  role: z.enum(["champion", "canary"]),
  count: z.coerce.number(),
});

/** Decisions of newly labelled payments; a label that arrived before its decision is skipped. */
export async function readLabelCounts(
  queries: Queries,
  ids: readonly string[],
): Promise<z.infer<typeof labelledRow>[]> {
  if (ids.length === 0) return [];
  return queries.query(
    labelledRow,
    `SELECT d.outcome, CASE WHEN l.fraud THEN 'fraud' ELSE 'genuine' END AS truth,
       CASE WHEN d.model_version = d.candidate_version THEN 'canary' ELSE 'champion' END AS role, count(*) AS count
     FROM console.labels l JOIN console.decisions d USING (transaction_id) WHERE l.transaction_id = ANY($1::text[])
     GROUP BY 1, 2, 3`,
    [ids],
  );
}

export interface CountedMatches {
  readonly reported: readonly CountedReport[];
  readonly labelled: readonly z.infer<typeof labelledRow>[];
}

/** Counts reports and labels, both for payments known on arrival and for those found later. */
export class ReportCounters {
  readonly #labels = counter("tripline_console_labels_total", {
    description: "Labels of decided payments, by outcome, by verdict, and by the source of the score",
    labels: ["outcome", "truth", "role"],
  });

  readonly #reports = counter("tripline_console_fraud_reports_total", {
    description: "Fraud reports with a payment, by kind and by the finding when they arrived or were matched",
    labels: ["kind", "finding"],
  });

  count({ reported, labelled }: CountedMatches): void {
    for (const { outcome, truth, role, count } of labelled) {
      this.#labels.inc({ outcome: Outcome[outcome]?.toLowerCase() ?? "", truth, role }, count);
    }
    for (const { kind, finding } of reported) this.#reports.inc({ kind, finding });
  }
}
