import type { OracleEvent } from "@tripline/feature-engine/testing/brute-force";

export const START_MS = Date.UTC(2024, 1, 20);
const DAY_MS = 86_400_000;
const HEADER =
  "client_transaction_id,card_token,terminal_id,amount_minor,currency,occurred_at_ms,fraud,labelled_at_ms,device_token,ip_token,latitude,longitude,bin,email_token,merchant_country";

/** A payment of a transactions file. */
export interface Row {
  id: string;
  card: string;
  terminal: string | undefined;
  amountMinor: number;
  currency: string;
  atMs: number;
  fraud: number;
  labelledAtMs: number | undefined;
  device: string | undefined;
  ip: string | undefined;
  latitude: number | undefined;
  longitude: number | undefined;
  bin: string | undefined;
  email: string | undefined;
  country: string | undefined;
}

/** Payments with ties, unordered, some never labelled and some labelled immediately; deterministic. */
export function rowsOf(count: number): Row[] {
  let seed = 7;
  const below = (bound: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * bound);
  };
  return Array.from({ length: count }, (_, index) => {
    const atMs = START_MS + below(40) * DAY_MS + below(200) * 432_000;
    const delay = [undefined, 0, DAY_MS, 7 * DAY_MS][below(4)];
    return {
      id: `c-${index}`,
      card: `ct_${below(9)}`,
      terminal: terminalOf(index, below(5)),
      amountMinor: below(90_000),
      currency: ["EUR", "JPY", "KWD"][below(3)] ?? "EUR",
      atMs,
      fraud: below(4) === 0 ? 1 : 0,
      labelledAtMs: delay === undefined ? undefined : atMs + delay,
      device: below(3) === 0 ? undefined : `dt_${below(4)}`,
      ip: below(3) === 0 ? undefined : `it_${below(3)}`,
      ...(below(4) === 0
        ? { latitude: undefined, longitude: undefined }
        : { latitude: 50 + below(100) / 64, longitude: 8 + below(100) / 64 }),
      bin: below(4) === 0 ? undefined : `41111${below(2)}`,
      email: below(3) === 0 ? undefined : `et_${below(3)}`,
      country: below(3) === 0 ? undefined : ["BE", "FR"][below(2)],
    };
  });
}

function terminalOf(index: number, terminal: number): string | undefined {
  return index % 8 === 5 ? undefined : `t:${terminal}, "x"`;
}

export function csvOf(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const terminal = row.terminal === undefined ? "" : `"${row.terminal.replaceAll('"', '""')}"`;
    const fields = [row.id, row.card, terminal, row.amountMinor, row.currency, row.atMs, row.fraud, row.labelledAtMs];
    const payer = [row.bin, row.email, row.country];
    return [...fields, row.device, row.ip, row.latitude, row.longitude, ...payer].join(",");
  });
  return [HEADER, ...lines].join("\n");
}

/** The events of these rows, in the order in which a backfill processes them. */
export function eventsOf(rows: readonly Row[], untilMs = Number.POSITIVE_INFINITY): OracleEvent[] {
  const events = rows.flatMap((row): OracleEvent[] => {
    const { id, atMs, amountMinor, currency, latitude, longitude } = row;
    const labelled = { card: row.card, ...(row.terminal === undefined ? {} : { terminal: row.terminal }) };
    const entities = {
      ...labelled,
      ...(row.device === undefined ? {} : { device: row.device }),
      ...(row.ip === undefined ? {} : { ip: row.ip }),
      ...(row.email === undefined ? {} : { email: row.email }),
      ...(row.bin === undefined || row.terminal === undefined ? {} : { terminal_bin: `${row.terminal}/${row.bin}` }),
      ...(row.country === undefined ? {} : { card_country: `${row.card}/${row.country}` }),
    };
    const common = { id, atMs, amountMinor, currency, latitude, longitude };
    const fields = { bin: row.bin, merchant_country: row.country };
    const payment: OracleEvent = { ...common, kind: "payment", entities, fields, fraud: false };
    if (row.labelledAtMs === undefined) return [payment];
    const times = { atMs: row.labelledAtMs, occurredAtMs: atMs };
    const label = { ...payment, kind: "label" as const, entities: labelled, about: `payment ${id}`, ...times };
    return [payment, { ...label, fraud: row.fraud === 1 }];
  });
  return events
    .filter((event) => event.atMs < untilMs)
    .sort((a, b) => a.atMs - b.atMs || (a.kind < b.kind ? -1 : a.kind > b.kind ? 1 : 0) || (a.id < b.id ? -1 : 1))
    .map((event) => ({ ...event, id: `${event.kind} ${event.id}` }));
}
