import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { DuckDBInstance } from "@duckdb/node-api";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { labelId, transactionId } from "@tripline/contracts/identifiers";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { specOf } from "@tripline/feature-engine/testing/specs";
import { backfill } from "../backfill.js";
import { fileSource } from "../input/transactions-source.js";
import { csvOf, rowsOf } from "../testing/payment-rows.js";
import type { LabelAnswer } from "./fold-entity.js";
import { foldEntity, planFolds } from "./fold-entity.js";

const spec = currentFeatureSpec();
const engine = compileEngine(spec);
const tenant = "demo";
const START_MS = Date.UTC(2025, 0, 6);

interface Row {
  readonly stream: "payment" | "label";
  readonly client_transaction_id: string;
  readonly card_token: string;
  readonly terminal_id?: string;
  readonly occurred_at_ms: number;
  readonly device_token?: string;
  readonly ip_token?: string;
  readonly bin?: string;
  readonly email_token?: string;
  readonly merchant_country?: string;
  readonly amount_minor?: number;
  readonly currency?: string;
  readonly latitude?: number;
  readonly longitude?: number;
  readonly labelled_at_ms?: number;
  readonly fraud?: number;
  readonly explained?: number;
}

function payment(id: string, minutes: number, more: Partial<Row> = {}): Row {
  const occurred_at_ms = START_MS + minutes * 60_000;
  const names = { client_transaction_id: id, card_token: "ct_a", terminal_id: "t-1" };
  return { stream: "payment", ...names, occurred_at_ms, amount_minor: 1_999, currency: "EUR", ...more };
}

function label(id: string, minutes: number, more: Partial<Row> = {}): Row {
  const labelled_at_ms = START_MS + minutes * 60_000;
  const names = { client_transaction_id: id, card_token: "ct_a", terminal_id: "t-1" };
  return { stream: "label", ...names, occurred_at_ms: START_MS, labelled_at_ms, fraud: 1, ...more };
}

/**
 * Rows sorted by time: payments of three cards at two terminals or at none, some with a device, address and location.
 */
function history(): Row[] {
  const rows = Array.from({ length: 60 }, (_, index) => {
    const terminal = index % 11 === 10 ? {} : { terminal_id: `t-${index % 2}` };
    const names = { card_token: `ct_${"abc"[index % 3]}`, ...terminal };
    const device = index % 4 === 0 ? {} : { device_token: `dt_${index % 5}`, ip_token: `it_${index % 3}` };
    const payer = index % 5 === 0 ? {} : { bin: `41111${index % 2}`, email_token: "et_1", merchant_country: "BE" };
    const place = index % 7 === 0 ? {} : { latitude: 50 + index / 3, longitude: -index / 7 };
    const id = `c-${String(index).padStart(2, "0")}`;
    const labelled = { labelled_at_ms: START_MS + (index + 30) * 60_000, fraud: index % 3 === 0 ? 1 : 0 };
    const paid = payment(id, index, {
      terminal_id: undefined,
      ...names,
      ...device,
      ...payer,
      ...place,
      amount_minor: 100 + index * 37,
    });
    return [paid, { ...label(id, 0), ...names, occurred_at_ms: paid.occurred_at_ms, ...labelled }];
  });
  return rows.flat().sort((one, other) => timeOf(one) - timeOf(other) || (one.stream < other.stream ? -1 : 1));
}

const timeOf = (row: Row) => row.labelled_at_ms ?? row.occurred_at_ms;

/** Vectors by client transaction id, from one engine that has the states of all entities. */
function vectorsOf(rows: readonly Row[]): Map<string, readonly number[]> {
  const states = engine.entities.map((_, entity) => {
    const known = new Map<string, ReturnType<typeof engine.decodeState>>();
    return (id: string | undefined) => {
      if (id === undefined) return undefined;
      const state = known.get(id) ?? engine.decodeState(entity, null);
      known.set(id, state);
      return state;
    };
  });
  const vectors = new Map<string, readonly number[]>();
  for (const row of rows) {
    const ids = { cardToken: row.card_token, terminalId: row.terminal_id ?? "" };
    const payer = {
      bin: row.bin ?? "",
      emailToken: row.email_token ?? "",
      merchantCountry: row.merchant_country ?? "",
    };
    const optional = { ...payer, deviceToken: row.device_token ?? "", ipToken: row.ip_token ?? "" };
    const own = engine.entityIds({ ...ids, ...optional }).map((id, entity) => states[entity]?.(id));
    const name = row.client_transaction_id;
    if (row.stream === "label") {
      const { labelled_at_ms: labelledAtMs = 0, occurred_at_ms: occurredAtMs, fraud } = row;
      const said = { labelId: labelId(tenant, name), labelledAtMs, occurredAtMs, fraud: fraud === 1 };
      engine.applyLabel(own, { ...said, ...ids });
      continue;
    }
    const { amount_minor: amountMinor = 0, currency = "", occurred_at_ms: occurredAtMs, latitude, longitude } = row;
    const what = { transactionId: transactionId(tenant, name), amountMinor, currency, occurredAtMs };
    const result = engine.applyPayment(own, { ...what, ...ids, ...optional, latitude, longitude });
    if (!result.duplicate) vectors.set(name, result.values);
  }
  return vectors;
}

/** Lines, split into chunks at arbitrary points. */
async function* pieces(rows: readonly unknown[], characters: number): AsyncGenerator<string> {
  const text = rows.map((row) => (typeof row === "string" ? row : JSON.stringify(row))).join("\n");
  for (let at = 0; at < text.length; at += characters) yield text.slice(at, at + characters);
}

async function folded(
  entity: string,
  rows: readonly unknown[],
  characters = 100,
  answers?: LabelAnswer,
  of = spec,
): Promise<number[][]> {
  const chunks: Buffer[] = [];
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  await foldEntity({ spec: of, entity, tenant, ...(answers && { answers }), input: pieces(rows, characters), output });
  const bytes = Buffer.concat(chunks);
  const values = Array.from({ length: bytes.length / 8 }, (_, index) => bytes.readDoubleLE(index * 8));
  const own = planFolds(of).entities.find(({ name }) => name === entity)?.features.length ?? 0;
  const width = 1 + (answers === undefined ? own : 1);
  return Array.from({ length: values.length / width }, (_, row) => values.slice(row * width, (row + 1) * width));
}

function sortedBy(fields: readonly string[], rows: readonly Row[]): Row[] {
  const keyOf = (row: Row) => {
    const parts = fields.map((field) => String(Reflect.get(row, field) ?? ""));
    return parts.includes("") ? "" : parts.join("/");
  };
  const own = rows.filter((row) => keyOf(row) !== "");
  return own.toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : Number(keyOf(one) > keyOf(other))));
}

const profiles = spec.features.flatMap(({ kind, name }) => (kind === "profile" ? [name] : []));

/** The profile features that `tripline backfill` computes, by client transaction id. */
async function backfilledProfiles(csv: string): Promise<Map<string, Record<string, unknown>>> {
  const folder = await mkdtemp(join(tmpdir(), "fold-entity-test-"));
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    const [input, outputPath] = [join(folder, "payments.csv"), join(folder, "features.parquet")];
    await writeFile(input, csv);
    await backfill({ spec, source: fileSource(input), tenant, outputPath });
    const found = await connection.runAndReadAll(
      `SELECT client_transaction_id, ${profiles.join(", ")} FROM '${outputPath}'`,
    );
    return new Map(found.getRowObjects().map((row) => [String(row.client_transaction_id), row]));
  } finally {
    connection.closeSync();
    instance.closeSync();
    await rm(folder, { recursive: true });
  }
}

/** The sort key of lines. */
function orderOf(row: Row, key: "card_token" | "terminal_id"): string {
  const time = String(timeOf(row)).padStart(16, "0");
  return [row[key], time, row.stream === "label" ? 0 : 1, row.client_transaction_id].join("\u0000");
}

/** The same rows, with labels that carry the judge's result. */
async function judged(rows: readonly Row[]): Promise<Row[]> {
  const sorted = sortedBy(["card_token"], rows);
  const answers = await folded("card", sorted, 1_000, "explained");
  const explained = new Map(answers.map(([line = 0, answer = 0]) => [sorted[line - 1]?.client_transaction_id, answer]));
  return rows.map((row) =>
    row.stream === "label" ? { ...row, explained: explained.get(row.client_transaction_id) ?? -1 } : row,
  );
}

describe("foldEntity", () => {
  test("the explaining entity responds to every label, and explains only frauds of unusual payments", async () => {
    const labels = (await judged(history())).filter(({ stream }) => stream === "label");
    expect(labels).toHaveLength(60);
    expect(new Set(labels.map(({ explained }) => explained))).toEqual(new Set([0, 1]));
    // The second payment of each card is twice the amount of the first.
    expect(labels.find((row) => row.client_transaction_id === "c-03")?.explained).toBe(1);
    expect(labels.find((row) => row.client_transaction_id === "c-00")?.explained).toBe(0);
  });

  test.each(planFolds(spec).entities)("$name: the features equal those of the whole vector", async (plan) => {
    const rows = await judged(history());
    const sorted = sortedBy(plan.fields, rows);
    const vectors = vectorsOf(rows);
    const places = plan.features.map(({ name }) => spec.features.findIndex((feature) => feature.name === name));
    const expected = sorted.flatMap((row, index) => {
      const vector = vectors.get(row.client_transaction_id);
      return row.stream === "payment" ? [[index + 1, ...places.map((place) => vector?.[place])]] : [];
    });
    expect(expected.length).toBeGreaterThan(40);
    for (const characters of [1, 100, 1e6]) expect(await folded(plan.name, sorted, characters)).toEqual(expected);
  });

  test("filters read the columns of a line", async () => {
    const count = { kind: "count", entity: "card", window: "1d" };
    const filtered = specOf({ "1d": { width: "1d", tile: "1h" } }, [
      { ...count, where: { merchant_country: ["BE"] } },
      { ...count, where: { bin: { not: ["411111"] }, amount: { from: 20 } } },
      { ...count, where: { terminal_id: ["t-1"], currency: ["EUR"] } },
    ]);
    const rows = [
      payment("a", 0, { merchant_country: "BE", bin: "411111", amount_minor: 2_000 }),
      payment("b", 1, { merchant_country: "NL", bin: "411112", amount_minor: 2_000 }),
      payment("c", 2, { merchant_country: "BE", amount_minor: 1_999 }),
      payment("d", 3, { terminal_id: "t-2", amount_minor: 2_000 }),
    ];
    expect(await folded("card", rows, 100, undefined, filtered)).toEqual([
      [1, 1, 0, 1],
      [2, 1, 1, 2],
      [3, 2, 1, 3],
      [4, 2, 2, 3],
    ]);
  });

  test("a label reaches an optional entity if the card remembers the labelled payment", async () => {
    const own = { window: "1d", default: 0, sentence: "{value}" };
    const sharing = {
      ...spec,
      features: [
        { ...own, name: "frauds", kind: "neighbours" as const, entity: "device", of: "card", counts: "fraud" as const },
        { ...own, name: "labels", kind: "label_count" as const, entity: "ip" },
      ],
    };
    const plan = planFolds(sharing);
    expect(plan.finder).toBe("card");
    expect(plan.entities.filter(({ found }) => found).map(({ name }) => name)).toEqual(["device", "ip"]);
    const card = [
      payment("a", 0, { device_token: "d" }),
      payment("b", 0),
      label("a", 1),
      label("unknown", 2),
      { ...label("b", 3), fraud: 0 },
    ];
    expect(await folded("card", card, 100, "found", sharing)).toEqual([
      [3, 1],
      [4, 0],
      [5, 1],
    ]);
    const device = [
      payment("a", 0, { device_token: "d" }),
      label("a", 1, { device_token: "d" }),
      payment("c", 2, { device_token: "d", card_token: "other" }),
    ];
    expect(await folded("device", device, 100, undefined, sharing)).toEqual([
      [1, 0],
      [3, 1],
    ]);
    const ip = [payment("b", 0, { ip_token: "i" }), { ...label("b", 3, { ip_token: "i" }), fraud: 0 }];
    expect(await folded("ip", [...ip, payment("c", 4, { ip_token: "i" })], 100, undefined, sharing)).toEqual([
      [1, 0],
      [3, 1],
    ]);
    await expect(folded("device", [], 100, "found", sharing)).rejects.toThrow("--find requires --entity card");
  });

  test("profiles have exactly the values of a backfill's queries", async () => {
    const rows = rowsOf(300);
    const queried = await backfilledProfiles(csvOf(rows));
    for (const [entity, key] of [
      ["card", "card_token"],
      ["terminal", "terminal_id"],
    ] as const) {
      const own = rows.filter(({ terminal }) => entity === "card" || terminal !== undefined);
      const lines = own
        .flatMap(({ id, card, terminal, atMs, labelledAtMs, ...row }): Row[] => {
          const names = { client_transaction_id: id, card_token: card, terminal_id: terminal, occurred_at_ms: atMs };
          const { amountMinor: amount_minor, currency, latitude, longitude, fraud } = row;
          const paid = { stream: "payment" as const, ...names, amount_minor, currency };
          const place = latitude === undefined || longitude === undefined ? paid : { ...paid, latitude, longitude };
          if (labelledAtMs === undefined) return [place];
          return [place, { stream: "label", ...names, labelled_at_ms: labelledAtMs, fraud, explained: 0 }];
        })
        .sort((one, other) => (orderOf(one, key) < orderOf(other, key) ? -1 : 1));
      const features = planFolds(spec).entities.find(({ name }) => name === entity)?.features ?? [];
      const answers = await folded(entity, lines, 10_000);
      expect(answers).toHaveLength(own.length);
      for (const [line = 0, ...values] of answers) {
        const id = lines[line - 1]?.client_transaction_id ?? "";
        const folds = features.map(({ name }, index): [string, number | undefined] => [name, values[index]]);
        const profile = Object.fromEntries(folds.filter(([name]) => profiles.includes(name)));
        expect(queried.get(id)).toMatchObject(profile);
      }
    }
    expect(new Set([...queried.values()].map((row) => row.card_profile_distance)).size).toBeGreaterThan(100);
  });

  test("exactly one entity provides each feature", () => {
    const plan = planFolds(spec);
    const given = plan.entities.flatMap(({ features }) => features.map(({ name }) => name));
    expect(given.toSorted()).toEqual(plan.features.toSorted());
  });

  const first = payment("c-1", 0);
  test.each<[string, readonly unknown[], string]>([
    ["no JSON", [first, "{"], "line 2: is not JSON."],
    ["an unknown stream", [{ ...first, stream: "refund" }], 'line 1 (client_transaction_id "c-1"): stream: '],
    ["no card", [{ ...first, card_token: "" }], "card_token: "],
    ["a negative amount", [{ ...first, amount_minor: -1 }], "amount_minor: "],
    ["an amount that cannot be summed", [{ ...first, amount_minor: 2 ** 52 }], "/amount_minor must be"],
    ["no such place", [first, payment("c-2", 1, { latitude: 91 })], 'line 2 (client_transaction_id "c-2"): /latitude'],
    ["an unknown currency", [{ ...first, currency: "XXZ" }], "currency: must be an ISO 4217 currency."],
    ["an early label", [label("c-1", -1)], "labelled_at_ms: must not be before occurred_at_ms."],
    ["a fraud of 2", [{ ...label("c-1", 1), fraud: 2 }], "fraud: must be 0 or 1."],
    ["going back in time", [payment("c-2", 1), first], 'line 2 (client_transaction_id "c-1"): is out of order'],
    ["a label after a payment of its time", [payment("c-2", 1), label("c-1", 1)], "line 2 "],
    ["ids of the same time the wrong way round", [payment("c-2", 0), first], "line 2 "],
    ["ids in the order of UTF-16", [payment("\u{1F600}", 0), payment("\uFFFD", 0)], "line 2 "],
    ["a card that was there before", [first, payment("c-2", 1, { card_token: "ct_b" }), payment("c-3", 2)], "line 3 "],
    ["the same line twice", [first, first], "line 2 "],
    ["a payment counted before", [first, payment("c-1", 1)], "client_transaction_id occurs more than once."],
    ["a line without an end", ["x".repeat(70_000)], "line 1: has more than 65536 characters."],
  ])("stops at %s, with the line number", async (_what, rows, sentence) => {
    await expect(folded("card", rows)).rejects.toMatchObject({
      code: "invalid-field",
      message: expect.stringContaining(sentence),
    });
  });

  test("stops at a payment without the requested device, and at an entity that is not in the spec", async () => {
    await expect(folded("device", [payment("c-1", 0)])).rejects.toThrow("device_token is required");
    await expect(folded("terminal", [label("c-1", 1)])).rejects.toThrow("explained is required");
    await expect(folded("terminal", [], 100, "explained")).rejects.toThrow("--judge requires --entity card");
    await expect(folded("shop", [])).rejects.toThrow(
      'Unknown --entity "shop". Use one of: card, terminal, device, ip, email',
    );
  });

  test("does not read ahead while no rows are consumed", async () => {
    let taken = 0;
    let release: (() => void) | undefined;
    const output = new Writable({
      highWaterMark: 1,
      write(_chunk, _encoding, done) {
        release = done;
      },
    });
    async function* input(): AsyncGenerator<string> {
      for (let minute = 0; minute < 20; minute += 1) {
        taken += 1;
        yield `${JSON.stringify(payment(`c-${minute}`, minute))}\n`;
      }
    }
    const work = foldEntity({ spec, entity: "card", tenant, input: input(), output });
    for (let turn = 0; turn < 50; turn += 1) await nextTurn();
    expect(taken).toBe(1);
    let isDone = false;
    void work.then(() => {
      isDone = true;
    });
    for (let turn = 0; turn < 1_000 && !isDone; turn += 1) {
      release?.();
      release = undefined;
      await nextTurn();
    }
    await work;
    expect(taken).toBe(20);
  });
});
