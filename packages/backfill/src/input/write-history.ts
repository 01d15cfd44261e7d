import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { DuckDBAppender } from "@duckdb/node-api";
import { DuckDBInstance } from "@duckdb/node-api";
import type { TokenKind } from "@tripline/contracts/identifiers";
import { binOf, cardToken, keyedToken, networkOf } from "@tripline/contracts/identifiers";
import type { SimulationOptions } from "@tripline/simulator/create-simulation";
import { createSimulation } from "@tripline/simulator/create-simulation";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import { OPTIONAL_COLUMNS } from "../generated/optional-columns.js";
import type { ProgressListener } from "../progress.js";
import { sqlText } from "./work-database.js";

type Cell = string | number | boolean | null | undefined;
type OptionalCells = Readonly<Partial<Record<keyof typeof OPTIONAL_COLUMNS, Cell>>>;

/** A payment whose label may never arrive. */
export type HistoryPayment = Omit<SimulatedPayment, "labelledAtMs"> & { readonly labelledAtMs: number | null };

export interface HistoryOptions {
  readonly simulation: SimulationOptions;
  /**
   * In event order; may be infinite. Without a label time, no label is written. Default: the payments of `simulation`.
   */
  readonly payments?: Iterable<HistoryPayment>;
  /** Payments at or after this time, in milliseconds since the epoch, are omitted. */
  readonly untilMs: number;
  readonly tenant: string;
  readonly cardTokenKey: Uint8Array;
  readonly path: string;
  readonly onProgress?: ProgressListener;
}

const FLUSH_EVERY_ROWS = 50_000;

/**
 * Writes simulated payments to a transactions file (Parquet), the input of `tripline backfill`.
 *
 * @returns the number of rows written
 */
export async function writeHistory(options: HistoryOptions): Promise<number> {
  const { simulation, untilMs, onProgress } = options;
  mkdirSync(dirname(options.path), { recursive: true });
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    await connection.run(`CREATE TABLE history (client_transaction_id VARCHAR, card_token VARCHAR,
      amount_minor DOUBLE, currency VARCHAR, occurred_at_ms DOUBLE, fraud DOUBLE, labelled_at_ms DOUBLE,
      ${Object.entries(OPTIONAL_COLUMNS)
        .map(([name, type]) => `${name} ${type}`)
        .join(", ")})`);
    const appender = await connection.createAppender("history");
    const { cardTokenKey: key, tenant } = options;
    const made = (kind: TokenKind) => remembered((text) => keyedToken(kind, key, tenant, text));
    const tokens: Tokens = {
      card: remembered((number) => cardToken(key, tenant, number)),
      device: made("device"),
      ip: made("ip"),
      network: made("network"),
      email: made("email"),
      account: made("account"),
      phone: made("phone"),
      fingerprint: made("fingerprint"),
      postalCode: made("postal_code"),
    };
    let rows = 0;
    for (const payment of options.payments ?? createSimulation(simulation)) {
      if (payment.occurredAtMs >= untilMs) break;
      appendRow(appender, payment, tokens);
      rows += 1;
      if (rows % FLUSH_EVERY_ROWS !== 0) continue;
      appender.flushSync();
      onProgress?.({ done: payment.occurredAtMs - simulation.startMs, total: untilMs - simulation.startMs });
    }
    appender.closeSync();
    await connection.run(`COPY (SELECT client_transaction_id, card_token, amount_minor::BIGINT AS amount_minor,
      currency, occurred_at_ms::BIGINT AS occurred_at_ms, fraud::TINYINT AS fraud, labelled_at_ms::BIGINT AS labelled_at_ms,
      ${Object.keys(OPTIONAL_COLUMNS).join(", ")} FROM history) TO ${sqlText(options.path)} (FORMAT parquet)`);
    return rows;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

interface Tokens {
  card(number: string): string;
  device(id: string): string;
  ip(address: string): string;
  network(address: string): string;
  email(address: string): string;
  account(id: string): string;
  phone(number: string): string;
  fingerprint(text: string): string;
  postalCode(code: string): string;
}

/** Memoizes `make`, with one result per card, device or address in the simulation. */
function remembered(make: (text: string) => string): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    const found = known.get(text) ?? make(text);
    known.set(text, found);
    return found;
  };
}

function appendRow(appender: DuckDBAppender, payment: HistoryPayment, tokens: Tokens): void {
  appender.appendVarchar(payment.clientTransactionId);
  appender.appendVarchar(tokens.card(payment.cardNumber));
  appender.appendDouble(payment.amountMinor);
  appender.appendVarchar(payment.currency);
  appender.appendDouble(payment.occurredAtMs);
  if (payment.labelledAtMs === null) {
    appender.appendNull();
    appender.appendNull();
  } else {
    appender.appendDouble(payment.fraud ? 1 : 0);
    appender.appendDouble(payment.labelledAtMs);
  }
  const cells: Readonly<Record<string, Cell>> = { ...optionalCells(payment, tokens), ...detailCells(payment, tokens) };
  for (const [column, type] of Object.entries(OPTIONAL_COLUMNS)) {
    const value = cells[column] ?? null;
    if (value === null) appender.appendNull();
    else if (typeof value === "string") appender.appendVarchar(value);
    else if (typeof value === "boolean") appender.appendBoolean(value);
    else if (type === "BIGINT") appender.appendBigInt(BigInt(value));
    else appender.appendDouble(value);
  }
  appender.endRow();
}

/** The optional columns that the simulator always fills. */
function optionalCells(payment: HistoryPayment, tokens: Tokens): OptionalCells {
  const { deviceId, ipAddress, email } = payment;
  return {
    terminal_id: payment.terminalId,
    device_token: deviceId && tokens.device(deviceId),
    ip_token: ipAddress && tokens.ip(ipAddress),
    latitude: payment.latitude,
    longitude: payment.longitude,
    bin: binOf(payment.cardNumber),
    email_token: email && tokens.email(email),
    network_token: ipAddress && tokens.network(networkOf(ipAddress)),
    card_country: payment.cardCountry,
    merchant_country: payment.merchantCountry,
    ip_country: payment.ipCountry,
  };
}

/** The optional columns that the simulator fills only in simulations with details. */
function detailCells(payment: HistoryPayment, tokens: Tokens): OptionalCells {
  const { accountId, phone, deviceFingerprint, billingPostalCode, shippingPostalCode } = payment;
  return {
    merchant_id: payment.merchantId,
    mcc: payment.mcc,
    channel: payment.channel,
    entry_mode: payment.entryMode,
    initiator: payment.initiator,
    card_funding: payment.cardFunding,
    card_brand: payment.cardBrand,
    account_token: accountId && tokens.account(accountId),
    account_age_days: payment.accountAgeDays,
    email_age_days: payment.emailAgeDays,
    phone_token: phone && tokens.phone(phone),
    device_fingerprint_token: deviceFingerprint && tokens.fingerprint(deviceFingerprint),
    billing_country: payment.billingCountry,
    billing_postal_token: billingPostalCode && tokens.postalCode(billingPostalCode),
    shipping_country: payment.shippingCountry,
    shipping_postal_token: shippingPostalCode && tokens.postalCode(shippingPostalCode),
    three_ds_version: payment.threeDsVersion,
    three_ds_result: payment.threeDsResult,
    eci: payment.eci,
    liability_shift: payment.liabilityShift,
    exemption: payment.exemption,
    avs_result: payment.avsResult,
    cvc_result: payment.cvcResult,
  };
}
