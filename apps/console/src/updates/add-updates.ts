import type { PaymentUpdate } from "@tripline/contracts/generated/tripline/events/v1/events";
import { PaymentUpdateKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { UpdateFinding } from "../contract/payment-updates.js";
import { judgeUpdates } from "./judge-updates.js";
import type { KnownUpdate } from "./update-rows.js";
import { kindOf, UPDATE_COLUMNS, updateRow } from "./update-rows.js";

/** A new update, as the metric counts it. */
export interface CountedUpdate {
  readonly kind: string;
  /** `unmatched`: its payment had not arrived yet. */
  readonly finding: UpdateFinding | "none" | "unmatched";
}

const newRow = z.object({ update_id: z.string(), transaction_id: z.string(), kind: z.number() });
const paymentRow = z.object({
  transaction_id: z.string(),
  card_token: z.string(),
  amount_minor: z.coerce.number(),
  currency: z.string(),
});

export interface AddedUpdates {
  readonly counted: readonly CountedUpdate[];
  /** IDs of the captures. */
  readonly captured: readonly string[];
}

/** @returns updates that were not known before */
export async function addUpdates(
  queries: Queries,
  read: readonly PaymentUpdate[],
  nowMs: number,
): Promise<AddedUpdates> {
  if (read.length === 0) return { counted: [], captured: [] };
  // All transactions insert in the same order, to avoid deadlocks, because a client can repeat an update with another
  // card, whose records are in another transaction.
  const updates = read.toSorted((left, right) => (left.updateId < right.updateId ? -1 : 1));
  const column = <K extends keyof PaymentUpdate>(name: K) => updates.map((update) => update[name] ?? null);
  const added = await queries.query(
    newRow,
    `INSERT INTO console.payment_updates (update_id, transaction_id, tenant, card_token, kind, declined_by, issuer_code,
       amount_minor, currency, updated_at_ms, read_at_ms)
     SELECT *, $11::bigint FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::smallint[], $6::smallint[],
       $7::text[], $8::bigint[], $9::text[], $10::bigint[])
     ON CONFLICT (update_id) DO NOTHING RETURNING update_id, transaction_id, kind`,
    [
      ...[column("updateId"), column("transactionId"), column("tenant"), column("cardToken"), column("kind")],
      ...[column("declinedBy"), column("issuerCode"), column("amountMinor"), column("currency")],
      ...[column("updatedAtMs"), nowMs],
    ],
  );
  return {
    counted: await judgeAdded(queries, added),
    captured: added.flatMap(({ update_id, kind }) => (kind === PaymentUpdateKind.CAPTURED ? [update_id] : [])),
  };
}

async function judgeAdded(queries: Queries, added: readonly z.infer<typeof newRow>[]): Promise<CountedUpdate[]> {
  if (added.length === 0) return [];
  const ids = [...new Set(added.map(({ transaction_id }) => transaction_id))];
  const [payments, known] = [
    await queries.query(
      paymentRow,
      `SELECT transaction_id, card_token, amount_minor, currency FROM console.payments
       WHERE transaction_id = ANY($1::text[])`,
      [ids],
    ),
    await updatesOf(queries, ids),
  ];
  const paymentOf = new Map(payments.map((payment) => [payment.transaction_id, payment]));
  const isNew = new Set(added.map(({ update_id }) => update_id));
  return [...Map.groupBy(known, ({ transaction_id }) => transaction_id)].flatMap(([id, updates]) => {
    const payment = paymentOf.get(id);
    const findings = payment === undefined ? undefined : judgeUpdates(payment, updates);
    return updates
      .filter(({ update_id }) => isNew.has(update_id))
      .map(({ update_id, kind }): CountedUpdate => {
        const finding = findings === undefined ? "unmatched" : (findings.get(update_id) ?? "none");
        return { kind: kindOf(kind) ?? "unknown", finding };
      });
  });
}

/** A payment usually has only a few updates. The limit bounds the work that a client can cause. */
const UPDATES_OF_PAYMENT_MAX = 100;

/** The earliest updates of each payment, oldest first. */
export function updatesOf(queries: Queries, transactionIds: readonly string[]): Promise<KnownUpdate[]> {
  return queries.query(
    updateRow,
    `SELECT u.* FROM unnest($1::text[]) AS wanted (id), LATERAL (
       SELECT ${UPDATE_COLUMNS} FROM console.payment_updates u WHERE u.transaction_id = wanted.id
       ORDER BY u.updated_at_ms, u.update_id LIMIT ${UPDATES_OF_PAYMENT_MAX}
     ) u`,
    [transactionIds],
  );
}
