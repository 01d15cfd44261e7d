import type { DuckDBConnection } from "@duckdb/node-api";
import { OPTIONAL_COLUMNS, optionalFields } from "@tripline/backfill/generated/optional-columns";
import { checkPayments } from "@tripline/backfill/input/check-payments";
import { fromRow } from "@tripline/backfill/input/row-values";
import type { TransactionsSource } from "@tripline/backfill/input/transactions-source";
import { unreadableInput } from "@tripline/backfill/input/transactions-source";
import { openWorkDatabase } from "@tripline/backfill/input/work-database";
import type { ProgressListener } from "@tripline/backfill/progress";
import { Label, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { labelId, transactionId } from "@tripline/contracts/identifiers";
import { TOPICS } from "@tripline/contracts/topics";
import type { EventProducer, OutgoingRecord } from "@tripline/kafka/port";

export interface ProduceOptions {
  readonly source: TransactionsSource;
  readonly tenant: string;
  readonly producer: EventProducer;
  readonly onProgress?: ProgressListener;
}

/** Maximum number of records that are sent together and in flight. */
const RECORDS_PER_SEND = 2_000;

/**
 * Writes past payments and their labels to the topics `transactions` and `labels`, in event order, so that a fleet of
 * feature service instances then computes the same result as a backfill on one machine. Cards are processed
 * concurrently, so the order at a terminal may differ from event time.
 *
 * @returns the number of payments and labels written
 * @throws TriplineError `invalid-field` before anything is written; `kafka-unavailable`
 */
export async function produceHistory(options: ProduceOptions): Promise<{ payments: number; labels: number }> {
  const { tenant, producer, onProgress } = options;
  const database = await openWorkDatabase();
  try {
    const select = await options.source.prepare(database.writer, tenant);
    await database.writer.run(`CREATE TABLE payments AS SELECT * FROM (${select})`).catch((error: unknown) => {
      throw unreadableInput("The input", error);
    });
    await checkPayments(database.writer);
    const total = await countEvents(database.writer);
    const counts = { payments: 0, labels: 0 };
    for await (const events of readEvents(database.reader)) {
      const records = events.map((event) =>
        event.stream === PAYMENT ? paymentRecord(tenant, event) : labelRecord(tenant, event),
      );
      await producer.send(records);
      counts.payments += events.filter((event) => event.stream === PAYMENT).length;
      counts.labels += events.filter((event) => event.stream !== PAYMENT).length;
      onProgress?.({ done: counts.payments + counts.labels, total });
    }
    return counts;
  } finally {
    await database.close();
  }
}

const PAYMENT = 1;

interface HistoricEvent {
  readonly stream: number;
  readonly atMs: number;
  readonly row: Readonly<Record<string, unknown>>;
}

async function countEvents(connection: DuckDBConnection): Promise<number> {
  const reader = await connection.runAndReadAll("SELECT (count(*) + count(labelled_at_ms))::DOUBLE FROM payments");
  return Number(reader.getRows()[0]?.[0] ?? 0);
}

/** At equal times, labels come before payments, as everywhere in Tripline. */
async function* readEvents(connection: DuckDBConnection): AsyncGenerator<HistoricEvent[]> {
  const result = await connection.stream(`
    SELECT at_ms::DOUBLE AS at_ms, stream, client_transaction_id, card_token, ${Object.keys(OPTIONAL_COLUMNS).join(", ")},
      amount_minor::DOUBLE AS amount_minor, currency, occurred_at_ms::DOUBLE AS occurred_at_ms, fraud
    FROM (
      SELECT occurred_at_ms AS at_ms, ${PAYMENT} AS stream, * FROM payments
      UNION ALL
      SELECT labelled_at_ms AS at_ms, 0 AS stream, * FROM payments WHERE labelled_at_ms IS NOT NULL
    )
    ORDER BY at_ms, stream, tie_order`);
  let events: HistoricEvent[] = [];
  for await (const chunk of result.yieldRowObjectJs()) {
    for (const row of chunk) events.push({ stream: Number(row.stream), atMs: Number(row.at_ms), row });
    if (events.length < RECORDS_PER_SEND) continue;
    yield events;
    events = [];
  }
  if (events.length > 0) yield events;
}

function paymentRecord(tenant: string, { atMs, row }: HistoricEvent): OutgoingRecord {
  const clientTransactionId = fromRow.text(row.client_transaction_id);
  const transaction: Transaction = {
    transactionId: transactionId(tenant, clientTransactionId),
    tenant,
    clientTransactionId,
    cardToken: fromRow.text(row.card_token),
    amountMinor: Number(row.amount_minor),
    currency: fromRow.text(row.currency),
    occurredAtMs: atMs,
    // The payment did not pass through ingestion, so its event time is used as its acceptance time.
    acceptedAtMs: atMs,
    ...optionalFields(row),
  };
  return recordOf("transactions", tenant, transaction.cardToken, Transaction.encode(transaction).finish());
}

function labelRecord(tenant: string, { atMs, row }: HistoricEvent): OutgoingRecord {
  const clientTransactionId = fromRow.text(row.client_transaction_id);
  const label: Label = {
    labelId: labelId(tenant, clientTransactionId),
    tenant,
    clientTransactionId,
    cardToken: fromRow.text(row.card_token),
    terminalId: fromRow.text(row.terminal_id),
    occurredAtMs: Number(row.occurred_at_ms),
    labelledAtMs: atMs,
    fraud: Number(row.fraud) === 1,
    source: "history",
    reportId: "",
    policyVersion: "",
  };
  return recordOf("labels", tenant, label.cardToken, Label.encode(label).finish());
}

function recordOf(topic: "transactions" | "labels", tenant: string, key: string, value: Uint8Array): OutgoingRecord {
  const { name, schema } = TOPICS[topic];
  return { topic: name, key, value, headers: { [HEADERS.schema]: schema, [HEADERS.tenant]: tenant } };
}
