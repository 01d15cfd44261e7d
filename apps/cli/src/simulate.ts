import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { DuckDBAppender } from "@duckdb/node-api";
import { DuckDBInstance } from "@duckdb/node-api";
import { cardToken, deviceToken, ipToken } from "@tripline/contracts/identifiers";
import type { SimulationOptions } from "@tripline/simulator/create-simulation";
import { createSimulation } from "@tripline/simulator/create-simulation";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import { Command, InvalidArgumentError } from "commander";
import { sqlText } from "./backfill-database.js";
import { demoSecrets } from "./demo-secrets.js";
import { DEMO_TENANT } from "./plan-services.js";
import type { ProgressListener } from "./step-log.js";
import { STATE_DIRECTORY, workspaceIn } from "./workspace.js";

export interface HistoryOptions {
  readonly simulation: SimulationOptions;
  /** Payments at or after this moment, in ms since the epoch, are left out. */
  readonly untilMs: number;
  readonly tenant: string;
  readonly cardTokenKey: Uint8Array;
  readonly path: string;
  readonly onProgress?: ProgressListener;
}

const FLUSH_EVERY_ROWS = 50_000;

/**
 * Writes simulated payments as a transactions file (Parquet), the input of `tripline backfill`.
 *
 * @returns how many rows were written
 */
export async function writeHistory(options: HistoryOptions): Promise<number> {
  const { simulation, untilMs, onProgress } = options;
  mkdirSync(dirname(options.path), { recursive: true });
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    await connection.run(`CREATE TABLE history (client_transaction_id VARCHAR, card_token VARCHAR, terminal_id VARCHAR,
      amount_minor DOUBLE, currency VARCHAR, occurred_at_ms DOUBLE, fraud DOUBLE, labelled_at_ms DOUBLE,
      device_token VARCHAR, ip_token VARCHAR, latitude DOUBLE, longitude DOUBLE)`);
    const appender = await connection.createAppender("history");
    const { cardTokenKey: key, tenant } = options;
    const tokens: Tokens = {
      card: remembered((number) => cardToken(key, tenant, number)),
      device: remembered((id) => deviceToken(key, tenant, id)),
      ip: remembered((address) => ipToken(key, tenant, address)),
    };
    let rows = 0;
    for (const payment of createSimulation(simulation)) {
      if (payment.occurredAtMs >= untilMs) break;
      appendRow(appender, payment, tokens);
      rows += 1;
      if (rows % FLUSH_EVERY_ROWS !== 0) continue;
      appender.flushSync();
      onProgress?.({ done: payment.occurredAtMs - simulation.startMs, total: untilMs - simulation.startMs });
    }
    appender.closeSync();
    await connection.run(`COPY (SELECT client_transaction_id, card_token, terminal_id, amount_minor::BIGINT AS amount_minor,
      currency, occurred_at_ms::BIGINT AS occurred_at_ms, fraud::TINYINT AS fraud, labelled_at_ms::BIGINT AS labelled_at_ms,
      device_token, ip_token, latitude, longitude FROM history) TO ${sqlText(options.path)} (FORMAT parquet)`);
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
}

/** `make`, with its results kept: as many as there are cards, devices or addresses in the simulation. */
function remembered(make: (text: string) => string): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    const found = known.get(text) ?? make(text);
    known.set(text, found);
    return found;
  };
}

function appendRow(appender: DuckDBAppender, payment: SimulatedPayment, tokens: Tokens): void {
  const { deviceId, ipAddress } = payment;
  appender.appendVarchar(payment.clientTransactionId);
  appender.appendVarchar(tokens.card(payment.cardNumber));
  appender.appendVarchar(payment.terminalId);
  appender.appendDouble(payment.amountMinor);
  appender.appendVarchar(payment.currency);
  appender.appendDouble(payment.occurredAtMs);
  appender.appendDouble(payment.fraud ? 1 : 0);
  appender.appendDouble(payment.labelledAtMs);
  for (const text of [deviceId && tokens.device(deviceId), ipAddress && tokens.ip(ipAddress)]) {
    if (text === null) appender.appendNull();
    else appender.appendVarchar(text);
  }
  for (const degrees of [payment.latitude, payment.longitude]) {
    if (degrees === null) appender.appendNull();
    else appender.appendDouble(degrees);
  }
  appender.endRow();
}

interface SimulateFlags {
  readonly seed: number;
  readonly cards: number;
  readonly terminals: number;
  readonly days: number;
}

const DAY_MS = 86_400_000;

/** `tripline simulate <file>`: a history of payments with known truth. */
export function simulateCommand(): Command {
  return new Command("simulate")
    .description("write a simulated history of payments as Parquet")
    .argument("<file>", "where to write it")
    .option("--seed <number>", "the same seed gives the same history", wholeNumber, 1)
    .option("--cards <number>", "how many cards", wholeNumber, 2_000)
    .option("--terminals <number>", "how many terminals", wholeNumber, 2_000)
    .option("--days <number>", "how many days, ending with yesterday", wholeNumber, 60)
    .action(async (path: string, flags: SimulateFlags) => {
      const untilMs = Math.floor(Date.now() / DAY_MS) * DAY_MS;
      const secrets = demoSecrets(workspaceIn(`${STATE_DIRECTORY}/demo`).secrets);
      const { seed, cards, terminals, days } = flags;
      const rows = await writeHistory({
        simulation: { seed, cards, terminals, startMs: untilMs - days * DAY_MS },
        untilMs,
        tenant: DEMO_TENANT,
        cardTokenKey: Buffer.from(secrets.cardTokenKey, "base64"),
        path,
      });
      process.stdout.write(`${rows} payments of ${cards} cards written to ${path}\n`);
    });
}

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError("must be a whole number");
  return value;
}
