import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { PLACES_OF_CARD } from "./places-of-card.js";

const ROWS_PER_QUERY = 500;

const shownRow = z.object({
  place: z.string(),
  row: z.record(z.string(), z.unknown()),
  record: z.instanceof(Buffer).nullable(),
});

/** A row of the console that belongs to a card. */
export interface ShownRow {
  readonly table: string;
  readonly row: Readonly<Record<string, unknown>>;
  /** For a payment: its sealed fields, in Base64. */
  readonly personal?: string;
}

/** The rows that an erasure of the card would delete, table by table. Files are listed without content. */
export async function* exportCard(database: Database, tenant: string, card: string): AsyncGenerator<ShownRow> {
  for (const { table, rows } of PLACES_OF_CARD) {
    // The row's position in its table, used only for paging.
    let after = "(0,0)";
    for (let isMore = true; isMore; ) {
      const page = await database.query(
        shownRow,
        `SELECT ctid::text AS place, to_jsonb(shown) - 'record' AS row, ${table === "payments" ? "record" : "NULL"} AS record
         FROM console.${table} AS shown WHERE ${rows} AND ctid > $4::tid ORDER BY ctid LIMIT ${ROWS_PER_QUERY}`,
        [tenant, card, Number.MAX_SAFE_INTEGER, after],
      );
      for (const { row, record } of page) yield { table, row, ...sealedOf(record) };
      after = page.at(-1)?.place ?? after;
      isMore = page.length === ROWS_PER_QUERY;
    }
  }
}

function sealedOf(record: Buffer | null): { readonly personal?: string } {
  const personal = record === null ? undefined : FeatureVector.decode(record).transaction?.personal;
  return personal === undefined || personal.length === 0 ? {} : { personal: personal.toString("base64") };
}
