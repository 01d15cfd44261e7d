import { MAPPED_FIELDS } from "../generated/mapped-fields.js";
import { openWorkDatabase, sqlName } from "../input/work-database.js";
import { mapRows } from "./map-rows.js";
import type { Mapping } from "./mapping.js";
import { cardDigits, tokenTable } from "./tokenise-values.js";

/** A payment from a mapped file, ready to send to the ingestion API. */
export interface MappedPayment {
  readonly clientTransactionId: string;
  /** Empty if the file has no card numbers. */
  readonly cardNumber: string;
  /** Set if the file has no card numbers. */
  readonly cardToken?: string;
  readonly bin?: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly occurredAtMs: number;
  readonly fraud: boolean;
  /** Time at which the label is reported; null if it is never reported. */
  readonly labelledAtMs: number | null;
  /** Optional fields by their names in the message, for example `deviceId`. */
  readonly sent: Readonly<Record<string, string | number | boolean>>;
}

export interface ReadPaymentsOptions {
  readonly mapping: Mapping;
  readonly key: Uint8Array;
  readonly tenant: string;
  /** Payments and labels from (inclusive) to (exclusive), in milliseconds since the epoch. */
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Returns the payments that took place or were labelled in a period, in event order. Payments with equal times keep the
 * order of the file.
 *
 * @throws TriplineError `invalid-field` if the file cannot be read
 */
export async function readMappedPayments(options: ReadPaymentsOptions): Promise<MappedPayment[]> {
  const { mapping, fromMs, toMs } = options;
  const fields = MAPPED_FIELDS.filter(({ name }) => mapping.fields[name] !== undefined);
  const optional = fields.filter(({ name }) => name !== "bin");
  const within = (column: string) => `(${column} >= ${fromMs} AND ${column} < ${toMs})`;
  const database = await openWorkDatabase();
  try {
    await mapRows(database.writer, mapping, options);
    const reader = await database.writer.runAndReadAll(`
      SELECT transaction_id, card, card_tokens.token, ${mapping.fields.bin === undefined ? "NULL" : "mapped.bin"},
        amount_minor::DOUBLE, currency, occurred_at_ms::DOUBLE, fraud::INTEGER, labelled_at_ms::DOUBLE
        ${optional.map(({ name, wire }) => `, mapped.${sqlName(name)}${wire === "int64" ? "::DOUBLE" : ""}`).join("")}
      FROM mapped JOIN ${tokenTable("card")} AS card_tokens ON card_tokens.value = card
      WHERE reason IS NULL AND (${within("occurred_at_ms")} OR ${within("labelled_at_ms")})
      ORDER BY occurred_at_ms, raw_row`);
    const isNumber = mapping.fields.card.holds === "number";
    return reader.getRows().map((row): MappedPayment => {
      const [id, card, token, bin, amount, currency, at, fraud, labelledAt, ...values] = row;
      return {
        clientTransactionId: String(id),
        cardNumber: isNumber ? cardDigits(String(card)) : "",
        ...(isNumber ? {} : { cardToken: String(token), ...(bin === null ? {} : { bin: String(bin) }) }),
        amountMinor: Number(amount),
        currency: String(currency),
        occurredAtMs: Number(at),
        fraud: fraud === 1,
        labelledAtMs: labelledAt === null ? null : Number(labelledAt),
        sent: Object.fromEntries(
          optional.flatMap(({ name }, index) => {
            const value = values[index];
            const isSent = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
            return isSent ? [[camelCase(name), value] as const] : [];
          }),
        ),
      };
    });
  } finally {
    await database.close();
  }
}

const camelCase = (name: string): string =>
  name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
