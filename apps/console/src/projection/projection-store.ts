import { Inject, Injectable } from "@nestjs/common";
import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { counter } from "@tripline/telemetry/metrics";
import { z } from "zod";
import { BACKGROUND } from "../background.js";
import { countSettled } from "../dispute-ratios/count-settled.js";
import { VALUE_FIELDS } from "../entities/searched-kinds.js";
import { addReports, lockReports } from "../fraud-reports/add-reports.js";
import { addUnmatched } from "../fraud-reports/match-reports.js";
import { ReportCounters, readLabelCounts } from "../fraud-reports/report-counters.js";
import { countedDay, countOverview } from "../overview/count-overview.js";
import { addUpdates } from "../updates/add-updates.js";
import type { CaseOpening } from "./open-cases.js";
import { CASE_OPENING, openCases } from "./open-cases.js";
import type { ReadDecision, ReadLabel, ReadPayment, ReadRecords } from "./read-records.js";

/** An arbitrary number that no other program in this database uses for two-key advisory locks. */
export const LOCK_CLASS = 711_301;

const addedRow = z.object({ ids: z.array(z.string()) });
/** `is_new` is false for an updated row, which has the updating transaction in `xmax`. */
const writtenRow = z.object({ transaction_id: z.string(), is_new: z.boolean() });

/** Writes the topics into Postgres. Idempotent. */
@Injectable()
export class ProjectionStore {
  readonly #updates = counter("tripline_console_payment_updates_total", {
    description: "Payment updates, by kind and by the finding when they arrived",
    labels: ["kind", "finding"],
  });

  readonly #reports = new ReportCounters();

  constructor(
    @Inject(BACKGROUND) private readonly database: Database,
    @Inject(CASE_OPENING) private readonly opening: CaseOpening,
  ) {}

  /**
   * Writes all records or none. A payment and its decision are on different topics, but in partitions with the same
   * number. Whichever of the two is written later must see the other, so only one instance at a time writes these
   * partitions.
   *
   * @param isArchived true for records from the lake, whose fraud reports are stored but do not change labels
   */
  async add(records: ReadRecords, partitions: ReadonlySet<number>, isArchived = false): Promise<void> {
    const { labelled, updated, reported } = await this.database.transaction(async (transaction) => {
      for (const partition of [...partitions].toSorted((left, right) => left - right)) {
        await transaction.execute("SELECT pg_advisory_xact_lock($1, $2)", [LOCK_CLASS, partition]);
      }
      // Taken before any row lock, because the matcher locks labels while it holds this lock.
      if (records.reports.length + records.unmatched.length > 0) await lockReports(transaction);
      const nowMs = Date.now();
      const newLabels = await addLabels(transaction, records.labels, nowMs);
      const newPayments = await addPayments(transaction, records.payments, nowMs);
      const newDecisions = await addDecisions(transaction, records.decisions, nowMs);
      const stopped = records.decisions
        .filter(({ decision }) => decision.outcome > Outcome.APPROVE && newDecisions.has(decision.transactionId))
        .map(({ decision }) => decision.transactionId);
      // Decisions that arrived before their payment. Those in this round are processed only once.
      const approved = new Set(
        records.decisions.flatMap(({ decision }) =>
          decision.outcome > Outcome.APPROVE ? [] : [decision.transactionId],
        ),
      );
      const late = [...newPayments].filter((id) => !approved.has(id));
      await openCases(transaction, [...new Set([...stopped, ...late])], this.opening, nowMs);
      const newUpdates = await addUpdates(transaction, records.updates, nowMs);
      const newReports = await addReports(transaction, records.reports, nowMs, isArchived);
      const unmatched = await addUnmatched(transaction, records.unmatched, nowMs, isArchived);
      const labelCounts = await readLabelCounts(transaction, [
        ...newLabels,
        ...newReports.labelled,
        ...unmatched.labelled,
      ]);
      await countSettled(transaction, newUpdates.captured, [...newPayments]);
      await countOverview(
        transaction,
        [...new Set([...newPayments, ...newDecisions])],
        records.labels.map(({ transactionId }) => transactionId),
      );
      return {
        labelled: labelCounts,
        updated: newUpdates.counted,
        reported: [...newReports.counted, ...unmatched.counted],
      };
    });
    // Counted after the commit, because a retried transaction would be counted twice.
    for (const { kind, finding } of updated) this.#updates.inc({ kind, finding });
    this.#reports.count({ labelled, reported });
  }
}

async function addPayments(queries: Queries, payments: readonly ReadPayment[], nowMs: number): Promise<Set<string>> {
  if (payments.length === 0) return new Set();
  const column = <K extends keyof ReadPayment>(name: K) => payments.map((payment) => payment[name]);
  const [added] = await queries.query(
    addedRow,
    `WITH added AS (
       INSERT INTO console.payments (transaction_id, tenant, client_transaction_id, card_token, terminal_id, device_token,
         ip_token, amount_minor, currency, occurred_at_ms, record, read_at_ms, authorisation_code, acquirer_reference,
         merchant_id, card_scheme, is_remote, card_country, counted_day)
       SELECT id, tenant, client_id, card, terminal, device, ip, amount, currency, occurred_at_ms,
         substring($11::bytea FROM start FOR length), $14::bigint, code, reference, merchant, scheme, is_remote, country,
         ${countedDay("occurred_at_ms", "$14::bigint", "since")}
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
         $9::text[], $10::bigint[], $12::int[], $13::int[], $15::text[], $16::text[],
         $17::text[], $18::text[], $19::bool[], $20::text[])
         AS new (id, tenant, client_id, card, terminal, device, ip, amount, currency, occurred_at_ms, start, length,
           code, reference, merchant, scheme, is_remote, country), console.overview_since since
       ON CONFLICT (transaction_id) DO NOTHING RETURNING transaction_id
     ) SELECT coalesce(array_agg(transaction_id), '{}') AS ids FROM added`,
    [
      ...[column("transactionId"), column("tenant"), column("clientTransactionId"), column("cardToken")],
      ...[column("terminalId"), column("deviceToken"), column("ipToken"), column("amountMinor"), column("currency")],
      ...[column("occurredAtMs"), ...pack(column("record")), nowMs],
      ...[column("authorisationCode"), column("acquirerReference"), column("merchantId")],
      ...[column("cardScheme"), column("isRemote"), column("cardCountry")],
    ],
  );
  const newIds = new Set(added?.ids);
  await addValues(
    queries,
    payments.filter(({ transactionId }) => newIds.has(transactionId)),
  );
  return newIds;
}

/** Adds the values by which each payment can be searched. */
async function addValues(queries: Queries, payments: readonly ReadPayment[]): Promise<void> {
  const rows = payments.flatMap(({ tenant, transactionId, occurredAtMs, ...payment }) =>
    VALUE_FIELDS.flatMap(({ kind, key }) =>
      payment[key] === "" ? [] : [{ tenant, kind, value: payment[key], occurredAtMs, transactionId }],
    ),
  );
  if (rows.length === 0) return;
  await queries.execute(
    `INSERT INTO console.payment_values (tenant, kind, value, occurred_at_ms, transaction_id)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[])`,
    [
      ...[rows.map(({ tenant }) => tenant), rows.map(({ kind }) => kind), rows.map(({ value }) => value)],
      ...[rows.map(({ occurredAtMs }) => occurredAtMs), rows.map(({ transactionId }) => transactionId)],
    ],
  );
}

async function addDecisions(queries: Queries, read: readonly ReadDecision[], nowMs: number): Promise<Set<string>> {
  if (read.length === 0) return new Set();
  const decisions = read.map(({ decision }) => decision);
  const [added] = await queries.query(
    addedRow,
    `WITH added AS (
       INSERT INTO console.decisions (transaction_id, tenant, outcome, rung, score, reason_codes, reason, latency_ms,
         decided_at_ms, record, model_version, candidate_version, candidate_score, read_at_ms, is_counted)
       SELECT id, tenant, outcome, rung, score, string_to_array(codes, ' '), reason, latency_ms, decided_at_ms,
         substring($10::bytea FROM start FOR length), model_version, candidate_version, candidate_score, $16::bigint, true
       FROM unnest($1::text[], $2::text[], $3::smallint[], $4::smallint[], $5::float8[], $6::text[], $7::jsonb[], $8::int[],
         $9::bigint[], $11::int[], $12::int[], $13::text[], $14::text[], $15::float8[])
         AS new (id, tenant, outcome, rung, score, codes, reason, latency_ms, decided_at_ms, start, length, model_version,
           candidate_version, candidate_score)
       ON CONFLICT (transaction_id) DO NOTHING RETURNING transaction_id
     ) SELECT coalesce(array_agg(transaction_id), '{}') AS ids FROM added`,
    [
      ...[decisions.map(({ transactionId }) => transactionId), decisions.map(({ tenant }) => tenant)],
      ...[decisions.map(({ outcome }) => outcome), decisions.map(({ rung }) => rung)],
      ...[
        decisions.map(({ score }) => score ?? null),
        decisions.map(({ reasons }) => reasons.map(({ code }) => code).join(" ")),
      ],
      // A payment whose strictest reason approves it was not flagged.
      decisions.map(({ reasons: [first] }) =>
        first === undefined || first.outcome <= Outcome.APPROVE ? null : JSON.stringify(first),
      ),
      decisions.map(({ acceptedAtMs, decidedAtMs }) => Math.max(0, Math.min(decidedAtMs - acceptedAtMs, INT_MAX))),
      ...[decisions.map(({ decidedAtMs }) => decidedAtMs), ...pack(read.map(({ record }) => record))],
      decisions.map(({ modelVersion }) => modelVersion),
      decisions.map(({ trial }) => trial?.candidateVersion ?? null),
      ...[decisions.map(({ trial }) => trial?.candidateScore ?? null), nowMs],
    ],
  );
  return new Set(added?.ids);
}

/**
 * Packs records into one value with their positions and lengths. The driver would encode an array of records in
 * hexadecimal digits, but sends a single value unchanged.
 */
function pack(records: readonly Buffer[]): [bytes: Buffer, starts: number[], lengths: number[]] {
  const lengths = records.map(({ length }) => length);
  let next = 1;
  const starts = lengths.map((length) => {
    const start = next;
    next += length;
    return start;
  });
  return [Buffer.concat(records), starts, lengths];
}

const INT_MAX = 2_147_483_647;

/** @returns the payments that had no label before */
async function addLabels(queries: Queries, labels: readonly ReadLabel[], nowMs: number): Promise<string[]> {
  if (labels.length === 0) return [];
  const column = <K extends keyof ReadLabel>(name: K) => labels.map((label) => label[name]);
  // Only labels derived from fraud reports are replaced.
  const derived = (name: "cardToken" | "terminalId" | "occurredAtMs") =>
    labels.map((label) => (label.reportId === "" ? null : label[name]));
  const written = await queries.query(
    writtenRow,
    `INSERT INTO console.labels AS known (transaction_id, tenant, fraud, source, labelled_at_ms, report_id,
       counted_card_token, counted_terminal_id, counted_occurred_at_ms, read_at_ms)
     SELECT *, $10::bigint FROM unnest($1::text[], $2::text[], $3::bool[], $4::text[], $5::bigint[], $6::text[],
       $7::text[], $8::text[], $9::bigint[])
     ON CONFLICT (transaction_id) DO UPDATE SET fraud = excluded.fraud, source = excluded.source,
       labelled_at_ms = excluded.labelled_at_ms, report_id = excluded.report_id,
       counted_card_token = excluded.counted_card_token, counted_terminal_id = excluded.counted_terminal_id,
       counted_occurred_at_ms = excluded.counted_occurred_at_ms
     WHERE known.labelled_at_ms < excluded.labelled_at_ms
     RETURNING transaction_id, xmax = 0 AS is_new`,
    [
      ...[column("transactionId"), column("tenant"), column("fraud"), column("source"), column("labelledAtMs")],
      ...[column("reportId"), derived("cardToken"), derived("terminalId"), derived("occurredAtMs"), nowMs],
    ],
  );
  return written.flatMap(({ transaction_id, is_new }) => (is_new ? [transaction_id] : []));
}
