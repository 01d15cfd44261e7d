import type { DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { DOUBLE, DuckDBDataChunk } from "@duckdb/node-api";
import { labelId, transactionId } from "@tripline/contracts/identifiers";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { hashId } from "@tripline/feature-engine/state/recent-ids";
import { CHUNK_ROWS, writeDoubles } from "../fold/data-chunk.js";
import type { ResolvedIds } from "../fold/fold-worker.js";
import type { WorkerPool } from "../fold/worker-pool.js";
import { isLabelReference, rowOfReference } from "../input/event-reader.js";
import type { PreparedEvents } from "../input/prepare-events.js";
import { snapshotEntries } from "./checkpoint.js";
import { writeSnapshot } from "./state-snapshot.js";

/** Writes the states after the last event; they are identical to the online engine's states. */
export async function writeStates(
  path: string,
  options: {
    readonly engine: FeatureEngine;
    readonly tenant: string;
    readonly database: DuckDBInstance;
    readonly events: PreparedEvents;
    readonly pool: WorkerPool;
  },
): Promise<void> {
  const { engine, tenant, database, events, pool } = options;
  const ids = await resolveIds(engine, database, tenant, await pool.references());
  const count = events.ids.reduce((sum, names) => sum + names.length, 0);
  await writeSnapshot(path, engine, count, snapshotEntries(engine, tenant, events.ids, await pool.states(ids)));
}

/** A state keeps only the last ids of a card, so only those are looked up and hashed. */
async function resolveIds(
  { entities }: Pick<FeatureEngine, "entities">,
  database: DuckDBInstance,
  tenant: string,
  references: Float64Array,
): Promise<ResolvedIds> {
  const remembered = (entities[0]?.remembered ?? []).map((entity) => entities[entity]?.key ?? "");
  const ids: string[][] = [];
  const highs = new Uint32Array(references.length);
  const lows = new Uint32Array(references.length);
  const connection = await database.connect();
  try {
    await writeWanted(connection, references);
    const result = await connection.stream(`
      SELECT ${["wanted.place::INTEGER", "client_transaction_id", ...remembered.map((key) => `${key}::VARCHAR`)].join(", ")}
      FROM wanted JOIN payments ON payments.rowid = wanted.payment::BIGINT`);
    const hash = { high: 0, low: 0 };
    for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
      for (const [place, clientId, ...others] of chunk.getRows()) {
        const at = Number(place);
        const idOf = isLabelReference(references[at] ?? 0) ? labelId : transactionId;
        hashId(idOf(tenant, String(clientId)), hash);
        highs[at] = hash.high;
        lows[at] = hash.low;
        if (remembered.length > 0) ids[at] = others.map((id) => (id === null ? "" : String(id)));
      }
    }
  } finally {
    connection.closeSync();
  }
  return { references, highs, lows, ids };
}

async function writeWanted(connection: DuckDBConnection, references: Float64Array): Promise<void> {
  await connection.run("CREATE TEMP TABLE wanted (place DOUBLE, payment DOUBLE)");
  const appender = await connection.createAppender("wanted", null, "temp");
  const places = Float64Array.from(references, (_, place) => place);
  const payments = references.map(rowOfReference);
  for (let start = 0; start < references.length; start += CHUNK_ROWS) {
    const count = Math.min(CHUNK_ROWS, references.length - start);
    const chunk = DuckDBDataChunk.create([DOUBLE, DOUBLE], count);
    writeDoubles(chunk, 0, places, start, count);
    writeDoubles(chunk, 1, payments, start, count);
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
}
