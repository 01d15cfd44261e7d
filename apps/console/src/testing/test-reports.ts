import type { FraudReport, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { fraudReportId } from "@tripline/contracts/identifiers";
import { z } from "zod";
import { ReportMatcher } from "../fraud-reports/report-matcher.js";
import type { TestBed } from "./test-bed.js";
import type { TestPayment } from "./test-records.js";
import { eventually, newCard, testPayment } from "./test-records.js";

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const EUR_10 = { amountMinor: 1_000, currency: "EUR" };

/** When the payments of these tests take place, unless the test says otherwise. */
export const AT_MS = Date.now() - 40 * DAY_MS;
export const unique = (name: string): string => `${name}-${newCard().slice(3, 15)}`;

const stateRow = z.object({ state: z.string() });

/** Payments, and fraud reports that do not name them. @param bed once it has been started */
export function testReports(bed: () => TestBed) {
  const states = (text: string, values: readonly unknown[]) => bed().database.query(stateRow, text, values);

  /** @returns a payment that the console has read */
  async function pay(card: string, fields: Partial<Transaction> = {}, amountMinor = 1_000): Promise<TestPayment> {
    const payment = testPayment(bed().tenant, { card, atMs: AT_MS, amountMinor, fields });
    await bed().producer.send([payment.vector]);
    const found = "SELECT 'read' AS state FROM console.payments WHERE transaction_id = $1";
    await eventually(async () => {
      if ((await states(found, [payment.transactionId])).length === 0) throw new Error("the payment was not read");
    });
    return payment;
  }

  /** Sends a report without the ID of its payment. @returns its ID */
  async function send(card: string, change: Partial<FraudReport>, reportId = unique("d")): Promise<string> {
    const version = change.version ?? 1;
    const sent = { transactionId: "", clientTransactionId: "", cardToken: card, terminalId: "", ...EUR_10 };
    const payment = testPayment(bed().tenant, { card, atMs: AT_MS });
    await bed().producer.send([payment.report(reportId, { ...sent, ...change, version })]);
    return fraudReportId(bed().tenant, reportId, version);
  }

  /** @returns why the report was matched, or its state if it was not */
  async function stateOf(id: string): Promise<string | undefined> {
    const waiting = "SELECT state FROM console.unmatched_reports WHERE report_id = $1";
    const matched = "SELECT matched_by AS state FROM console.fraud_reports WHERE report_id = $1";
    const rows = await states(`${waiting} UNION ALL ${matched}`, [id]);
    if (rows.length > 1) throw new Error("the report was matched but is still waiting");
    return rows[0]?.state;
  }

  /** Checks all reports, as if they had been read a while ago. */
  async function check(minutes = 10): Promise<void> {
    await bed().database.execute("UPDATE console.unmatched_reports SET checked_at_ms = 0", []);
    await bed()
      .service.get(ReportMatcher)
      .check(Date.now() + minutes * MINUTE_MS);
  }

  /** Waits until the report has this state. */
  function expectState(id: string, expected: string, minutes?: number): Promise<void> {
    return eventually(async () => {
      await check(minutes);
      const state = await stateOf(id);
      if (state !== expected) throw new Error(`the report's state is ${state}, not ${expected}`);
    });
  }

  /** Copies a payment, with changes in SQL that can use the number of the copy, `n`. */
  async function copy({ transactionId }: TestPayment, count: number, changes: string): Promise<void> {
    await bed().database.execute(
      `INSERT INTO console.payments SELECT (jsonb_populate_record(p, jsonb_build_object(
         'transaction_id', p.transaction_id || n, ${changes}))).*
       FROM console.payments p, generate_series(1, $2::int) n WHERE p.transaction_id = $1`,
      [transactionId, count],
    );
  }

  return { pay, send, stateOf, check, expectState, copy };
}
