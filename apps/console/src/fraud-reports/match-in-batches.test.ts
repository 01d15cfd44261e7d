import { createHash } from "node:crypto";
import type { FraudReport } from "@tripline/contracts/generated/tripline/events/v1/events";
import {
  FraudReportKind,
  FraudReportStage,
  FraudVerdict,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { fraudReportId, transactionId } from "@tripline/contracts/identifiers";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { migrateDatabase } from "@tripline/stores/postgres/migrate-database";
import { z } from "zod";
import { CONSOLE_MIGRATIONS } from "../migrations.js";
import { addUnmatched, matchReports } from "./match-reports.js";

let database: Database;

beforeAll(async () => {
  const { postgresUrl } = await testStack();
  database = connectDatabase({ url: postgresUrl, connectionsMax: 1, queryTimeoutMs: 30_000, onIdleError() {} });
  await database.transaction((transaction) => migrateDatabase(transaction, CONSOLE_MIGRATIONS));
});
afterAll(() => database?.close());

const DAY_MS = 86_400_000;
const NOW_MS = Date.parse("2026-11-20T12:00:00Z");
const AT_MS = NOW_MS - 20 * DAY_MS;
const [CARDS, PAYMENTS, REPORTS, VERSIONS] = [4, 16, 40, 3];

/** Pseudo-random numbers. The same seed always gives the same numbers. */
function draws(seed: number) {
  let count = 0;
  const below = (limit: number): number => {
    count += 1;
    return createHash("sha256").update(`${seed}/${count}`).digest().readUInt32LE() % limit;
  };
  return { below, pick: <T>(values: readonly [T, ...T[]]): T => values[below(values.length)] ?? values[0] };
}

const cardOf = (number: number): string => `ct_${String(number).padStart(32, "0")}`;

/** Payments of a few cards, and reports that often fit none or several of them. */
async function fill(tenant: string, seed: number): Promise<FraudReport[]> {
  const { below, pick } = draws(seed);
  for (let number = 0; number < PAYMENTS; number += 1) {
    await database.execute(
      `INSERT INTO console.payments (transaction_id, tenant, client_transaction_id, card_token, terminal_id, device_token,
         ip_token, amount_minor, currency, occurred_at_ms, read_at_ms, record, acquirer_reference, authorisation_code)
       VALUES ($1, $2, $3, $4, 'T', '', '', $5, 'EUR', $6, $7, '', $8, $9)`,
      [
        ...[transactionId(tenant, `p-${number}`), tenant, `p-${number}`, cardOf(below(CARDS)), pick([1_000, 2_000])],
        ...[AT_MS + below(3) * DAY_MS, NOW_MS, pick(["", `arn-${number}`]), pick(["", "A1", "A2"])],
      ],
    );
  }
  return Array.from({ length: REPORTS }, (_, report) =>
    Array.from({ length: 1 + below(VERSIONS) }, (__, index): FraudReport => {
      const reference = pick(["", `arn-${below(PAYMENTS)}`]);
      const version = index + 1;
      return {
        reportId: fraudReportId(tenant, `r-${report}`, version),
        clientReportId: `r-${report}`,
        version,
        tenant,
        transactionId: "",
        clientTransactionId: "",
        cardToken: reference === "" || below(2) === 0 ? cardOf(below(CARDS)) : "",
        terminalId: "",
        occurredAtMs: AT_MS + below(3) * DAY_MS,
        kind: FraudReportKind.CHARGEBACK,
        stage: FraudReportStage.RECEIVED,
        withdrawn: below(6) === 0,
        reasonCode: "",
        amountMinor: pick([undefined, 1_000, 2_000]),
        currency: "EUR",
        reportedAtMs: AT_MS + 10 * DAY_MS + report * 10 + version,
        acceptedAtMs: NOW_MS,
        verdict: FraudVerdict.FRAUD,
        policyVersion: "default-1",
        acquirerReference: reference,
        authorisationCode: pick(["", "", "A1"]),
        file: "",
        matchedBy: "",
      };
    }),
  ).flat();
}

async function resultOf(tenant: string): Promise<string[]> {
  const rows = await database.query(
    z.object({ line: z.string() }),
    `SELECT concat_ws(' ', client_report_id, version, matched_by, client_transaction_id) AS line
     FROM console.fraud_reports WHERE tenant = $1
     UNION ALL SELECT concat_ws(' ', client_report_id, version, state) FROM console.unmatched_reports WHERE tenant = $1
     UNION ALL SELECT concat_ws(' ', 'label', p.client_transaction_id, l.fraud)
     FROM console.labels l JOIN console.payments p USING (transaction_id) WHERE l.tenant = $1
     ORDER BY 1`,
    [tenant],
  );
  return rows.map(({ line }) => line);
}

test("matches a batch of reports with the same result as one report at a time, newest version first", async () => {
  const seen: string[] = [];
  for (const seed of [1, 2, 3, 4, 5]) {
    const [together, single] = [`together-${seed}`, `single-${seed}`];
    const [batch, one] = [await fill(together, seed), await fill(single, seed)];
    const match = (reports: readonly FraudReport[]) =>
      database.transaction((transaction) => {
        const ids = reports.map(({ reportId }) => reportId);
        return matchReports(transaction, ids, NOW_MS + DAY_MS, NOW_MS + DAY_MS);
      });
    await database.transaction((transaction) => addUnmatched(transaction, [...batch, ...one], NOW_MS, false));
    await match(batch);
    for (const report of one.toSorted((left, right) => right.version - left.version)) await match([report]);
    const lines = await resultOf(together);
    expect(lines).toEqual(await resultOf(single));
    seen.push(...lines);
  }
  const results = ["acquirer_reference", "authorisation_code", "amount", "earlier_version", "ambiguous", "waiting"];
  expect(results.filter((result) => !seen.some((line) => line.includes(` ${result}`)))).toEqual([]);
});

test("regression #30: keeps the first content of a version if both arrive in one batch, regardless of the query plan", async () => {
  const [first] = await fill("twice", 1);
  if (first === undefined) throw new Error("there are reports");
  await database.transaction(async (transaction) => {
    for (const join of ["nestloop", "mergejoin"]) await transaction.execute(`SET LOCAL enable_${join} = off`);
    const [one, other] = [1_000, 5].map((amountMinor) => ({ ...first, amountMinor }));
    if (one === undefined || other === undefined) throw new Error("there are two");
    await addUnmatched(transaction, [one, other], NOW_MS, false);
  });
  const kept = await database.query(
    z.object({ amount_minor: z.coerce.number(), is_conflicting: z.boolean() }),
    "SELECT amount_minor, is_conflicting FROM console.unmatched_reports WHERE tenant = 'twice'",
    [],
  );
  expect(kept).toEqual([{ amount_minor: 1_000, is_conflicting: true }]);
});
