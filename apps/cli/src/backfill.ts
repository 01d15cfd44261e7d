import { randomUUID } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import type { DuckDBAppender, DuckDBConnection } from "@duckdb/node-api";
import { DOUBLE, DuckDBDataChunk } from "@duckdb/node-api";
import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { labelId, transactionId } from "@tripline/contracts/identifiers";
import type { FeatureEngine } from "@tripline/feature-engine/compile-engine";
import { compileEngine } from "@tripline/feature-engine/compile-engine";
import type { EntityState } from "@tripline/feature-engine/entity-state";
import { stateKey } from "@tripline/feature-engine/state-key";
import { checkPayments } from "./backfill-check.js";
import type { WorkDatabase } from "./backfill-database.js";
import { openWorkDatabase, sqlName, sqlText } from "./backfill-database.js";
import type { TransactionsSource } from "./backfill-source.js";
import { unreadableInput } from "./backfill-source.js";
import type { SnapshotEntry } from "./state-snapshot.js";
import { writeSnapshot } from "./state-snapshot.js";

export interface BackfillOptions {
  readonly spec: FeatureSpec;
  readonly source: TransactionsSource;
  readonly tenant: string;
  /** Parquet file with one row per payment and its features. */
  readonly outputPath: string;
  /** File for the window state as it is after the last event. */
  readonly statePath?: string;
  /** Events at or after this time, in milliseconds since the epoch, are left out. */
  readonly untilMs?: number;
  /** Counts events: payments and labels. */
  readonly onProgress?: (progress: { readonly doneEvents: number; readonly totalEvents: number }) => void;
}

export interface BackfillResult {
  readonly rows: number;
  readonly labels: number;
  /** How many there are of each entity, by its name in the spec. */
  readonly entities: Readonly<Record<string, number>>;
}

/** Rows per chunk of DuckDB. */
const CHUNK_ROWS = 2048;

/**
 * Computes the features of past payments with the engine that serves them online. Events are taken in the order of
 * (event time, label before payment, client transaction id). Memory is bounded by the number of cards and terminals.
 * Both files appear complete or not at all.
 *
 * @throws TriplineError `invalid-field` when the source cannot be read or a row is not a payment.
 */
export async function backfill(options: BackfillOptions): Promise<BackfillResult> {
  const database = await openWorkDatabase();
  try {
    await loadPayments(database.writer, options);
    await checkPayments(database.writer);
    const engine = compileEngine(options.spec);
    const folded = await foldEvents(database, engine, options);
    const { rows, labels, ids } = folded;
    await writeFeatures(database.writer, options);
    if (options.statePath !== undefined) {
      const count = ids.reduce((sum, names) => sum + names.length, 0);
      await writeSnapshot(options.statePath, engine, count, snapshotEntries(engine, options.tenant, folded));
    }
    const entities = Object.fromEntries(engine.entities.map(({ name }, entity) => [name, ids[entity]?.length ?? 0]));
    return { rows, labels, entities };
  } finally {
    await database.close();
  }
}

interface Folded {
  readonly rows: number;
  readonly labels: number;
  /** Ids by entity of the spec and number: entities are numbered, so that no string is read for every event. */
  readonly ids: readonly (readonly string[])[];
  readonly states: readonly (readonly EntityState[])[];
}

/** The table `payments` in event order; the order of its rows is what joins them with their features later. */
async function loadPayments(connection: DuckDBConnection, options: BackfillOptions): Promise<void> {
  const select = await options.source.prepare(connection, options.tenant);
  const until = options.untilMs === undefined ? "true" : `occurred_at_ms < ${options.untilMs}`;
  await connection
    .run(`CREATE TABLE payments AS SELECT * FROM (${select}) WHERE ${until} ORDER BY occurred_at_ms, tie_order`)
    .catch((error: unknown) => {
      throw unreadableInput("The input", error);
    });
}

/** Numbers the values of a column of `payments` from 0 and returns them in that order. */
async function numberValues(connection: DuckDBConnection, column: string): Promise<string[]> {
  await connection.run(`
    CREATE TABLE numbered_${column} AS
    SELECT ${column}, (row_number() OVER (ORDER BY ${column}) - 1)::INTEGER AS number
    FROM (SELECT DISTINCT ${column} FROM payments WHERE ${column} IS NOT NULL)`);
  const reader = await connection.runAndReadAll(`SELECT ${column} FROM numbered_${column} ORDER BY number`);
  return reader.getRows().map(([value]) => String(value));
}

const PAYMENT = 1;

/** Payments and labels as one stream of numbers and the client's id, in the order in which they count. */
function eventsQuery(keys: readonly string[], untilMs: number | undefined): string {
  const until = untilMs === undefined ? "labelled_at_ms IS NOT NULL" : `labelled_at_ms < ${untilMs}`;
  const numbered = [...keys, "currency"];
  const numbers = numbered.map((column) => `coalesce(numbered_${column}.number, -1)`).join(", ");
  const joins = numbered.map((column) => `LEFT JOIN numbered_${column} USING (${column})`).join(" ");
  return `
    SELECT at_ms::DOUBLE, stream, client_transaction_id, amount_minor::DOUBLE, coalesce(fraud, 0), latitude, longitude,
      ${numbers}
    FROM (
      SELECT occurred_at_ms AS at_ms, ${PAYMENT} AS stream, * FROM payments
      UNION ALL
      SELECT labelled_at_ms AS at_ms, 0 AS stream, * FROM payments WHERE ${until}
    )
    ${joins}
    ORDER BY at_ms, stream, tie_order`;
}

async function foldEvents(database: WorkDatabase, engine: FeatureEngine, options: BackfillOptions): Promise<Folded> {
  const { reader, writer } = database;
  const keys = engine.entities.map((plan) => plan.key);
  const ids: string[][] = [];
  for (const key of keys) ids.push(await numberValues(writer, key));
  const currencies = await numberValues(writer, "currency");
  const states = ids.map((names, entity) => names.map(() => engine.decodeState(entity, null)));
  const names = engine.spec.features.map((feature) => `${sqlName(feature.name)} DOUBLE`);
  await writer.run(`CREATE TABLE features (${names.join(", ")})`);
  const rows = new FeatureRows(await writer.createAppender("features"), names.length);
  const totalEvents = await countEvents(reader, options.untilMs);
  const result = await reader.stream(eventsQuery(keys, options.untilMs));
  let doneEvents = 0;
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    foldChunk(chunk, { engine, ids, states, rows, currencies, tenant: options.tenant });
    doneEvents += chunk.rowCount;
    options.onProgress?.({ doneEvents, totalEvents });
  }
  rows.close();
  return { rows: rows.count, labels: doneEvents - rows.count, ids, states };
}

async function countEvents(connection: DuckDBConnection, untilMs: number | undefined): Promise<number> {
  const labelled = untilMs === undefined ? "labelled_at_ms IS NOT NULL" : `labelled_at_ms < ${untilMs}`;
  const query = `SELECT (count(*) + count(*) FILTER (${labelled}))::DOUBLE FROM payments`;
  const reader = await connection.runAndReadAll(query);
  return Number(reader.getRows()[0]?.[0] ?? 0);
}

function foldChunk(
  chunk: DuckDBDataChunk,
  fold: {
    readonly engine: FeatureEngine;
    readonly ids: Folded["ids"];
    readonly states: Folded["states"];
    readonly rows: FeatureRows;
    readonly currencies: readonly string[];
    readonly tenant: string;
  },
): void {
  const { engine, ids, states, rows, currencies, tenant } = fold;
  const [times, streams, clientIds, amounts, frauds, latitudes, longitudes, ...numbers] = chunk.getColumns();
  const currency = numbers.at(-1);
  const entityOf = <T>(lists: readonly (readonly T[])[], row: number): (T | undefined)[] =>
    lists.map((list, entity) => list[Number(numbers[entity]?.[row])]);
  for (let row = 0; row < chunk.rowCount; row += 1) {
    const [atMs, clientTransactionId] = [Number(times?.[row]), String(clientIds?.[row])];
    const rowStates = entityOf(states, row);
    if (streams?.[row] !== PAYMENT) {
      const label = { labelId: labelId(tenant, clientTransactionId), labelledAtMs: atMs, fraud: frauds?.[row] === 1 };
      engine.applyLabel(rowStates, label);
      continue;
    }
    const result = engine.applyPayment(rowStates, {
      transactionId: transactionId(tenant, clientTransactionId),
      amountMinor: Number(amounts?.[row]),
      currency: currencies[Number(currency?.[row])] ?? "",
      occurredAtMs: atMs,
      latitude: degrees(latitudes?.[row]),
      longitude: degrees(longitudes?.[row]),
      ...engine.namedIds(entityOf(ids, row)),
    });
    // Ids are unique in the input, so this would be two ids with one hash.
    if (result.duplicate) throw new TriplineError("internal", `${clientTransactionId} looks like another payment.`);
    rows.add(result.values);
  }
}

function degrees(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function* snapshotEntries(engine: FeatureEngine, tenant: string, folded: Folded): Generator<SnapshotEntry> {
  for (const [entity, plan] of engine.entities.entries()) {
    for (const [number, state] of (folded.states[entity] ?? []).entries()) {
      yield [stateKey(plan, tenant, folded.ids[entity]?.[number] ?? ""), engine.encodeState(entity, state)];
    }
  }
}

/** Collects feature vectors column by column and appends them a chunk at a time. */
class FeatureRows {
  count = 0;
  private readonly chunk: DuckDBDataChunk;
  private readonly columns: number[][];
  private used = 0;

  constructor(
    private readonly appender: DuckDBAppender,
    width: number,
  ) {
    this.chunk = DuckDBDataChunk.create(Array.from({ length: width }, () => DOUBLE));
    this.columns = Array.from({ length: width }, () => []);
  }

  add(values: readonly number[]): void {
    for (let index = 0; index < this.columns.length; index += 1) {
      const column = this.columns[index];
      if (column !== undefined) column[this.used] = values[index] ?? 0;
    }
    this.used += 1;
    this.count += 1;
    if (this.used === CHUNK_ROWS) this.flush();
  }

  close(): void {
    if (this.used > 0) this.flush();
    this.appender.closeSync();
  }

  private flush(): void {
    this.chunk.reset();
    this.chunk.rowCount = this.used;
    this.columns.forEach((column, index) => {
      column.length = this.used;
      this.chunk.setColumnValues(index, column);
    });
    this.appender.appendDataChunk(this.chunk);
    this.used = 0;
  }
}

/** Payments and features have the same rows in the same order, so their positions join them. */
async function writeFeatures(connection: DuckDBConnection, options: BackfillOptions): Promise<void> {
  const unfinished = `${options.outputPath}.${randomUUID()}.tmp`;
  try {
    await connection.run(`
      COPY (
        SELECT client_transaction_id, card_token, terminal_id, occurred_at_ms, labelled_at_ms, fraud, features.*
        FROM payments POSITIONAL JOIN features
      ) TO ${sqlText(unfinished)} (FORMAT parquet, COMPRESSION zstd)`);
    await rename(unfinished, options.outputPath);
  } finally {
    await rm(unfinished, { force: true });
  }
}
