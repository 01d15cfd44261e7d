import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { backfill } from "@tripline/backfill/backfill";
import { fileSource } from "@tripline/backfill/input/transactions-source";
import { parseFeatureSpec } from "@tripline/contracts/feature-spec";
import { DeclinedBy, PaymentUpdateKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import { categoryCode } from "@tripline/contracts/text/category-code";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { planProfiles } from "@tripline/feature-engine/profiles";
import { LakeScan } from "@tripline/lake/read/scan-lake";
import { parse } from "yaml";

const DOCUMENT = fileURLToPath(new URL("../../../../docs/features.md", import.meta.url));
const SPEC = fileURLToPath(new URL("../../../contracts/feature-spec.yaml", import.meta.url));
const FILTERED = /<!-- example: filtered feature -->\n```yaml\n([\s\S]*?)```/;
const CATEGORY = /<!-- example: category feature -->\n```yaml\n([\s\S]*?)```/;
const UPDATES = /<!-- example: update feature -->\n```yaml\n([\s\S]*?)```/;
const NEIGHBOURS = /<!-- example: neighbours feature -->\n```yaml\n([\s\S]*?)```/;
const EXAMPLE = /<!-- example: profile feature -->\n\s*```yaml\n([\s\S]*?)```/;
const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 5, 12);

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tripline-example-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("the profile feature added in docs/features.md is read online and computed over a history", async () => {
  const [, example = ""] = EXAMPLE.exec(await readFile(DOCUMENT, "utf8")) ?? [];
  const current = parse(await readFile(SPEC, "utf8"));
  const features = [...current.features, ...parse(example)];
  const spec = parseFeatureSpec(JSON.stringify({ ...current, version: current.version + 1, features }));
  const [card] = planProfiles(spec).filter(({ name }) => name === "card");
  expect(card?.columns).toContain("card_active_days_total");

  // A card pays twice on a day, and once on each of the next two.
  const times = [START_MS, START_MS + 1_000, START_MS + DAY_MS, START_MS + 2 * DAY_MS];
  const payments = times.map((atMs, index) => `t${index},ct_1,t-1,1000,EUR,${atMs},,`);
  const path = join(folder, "payments.csv");
  const head = "client_transaction_id,card_token,terminal_id,amount_minor,currency,occurred_at_ms,fraud,labelled_at_ms";
  await writeFile(path, `${[head, ...payments].join("\n")}\n`);
  const outputPath = join(folder, "features.parquet");
  await backfill({ spec, source: fileSource(path), tenant: "demo", outputPath });
  const scan = await LakeScan.open();
  const days = `list(card_active_days ORDER BY occurred_at_ms)::VARCHAR`;
  expect(await scan.row(`SELECT ${days} AS days FROM read_parquet('${outputPath}')`)).toEqual({
    days: "[0.0, 0.0, 1.0, 2.0]",
  });
  await scan.close();
});

test("the filtered feature of docs/features.md counts the payments that its condition selects", async () => {
  const [, example = ""] = FILTERED.exec(await readFile(DOCUMENT, "utf8")) ?? [];
  const current = parse(await readFile(SPEC, "utf8"));
  const engine = compileEngine(parseFeatureSpec(JSON.stringify({ ...current, features: parse(example) })));
  const payment = { cardToken: "ct_1", terminalId: "t-1", currency: "EUR", latitude: undefined, longitude: undefined };
  const states = engine
    .entityIds(payment)
    .map((id, entity) => (id === undefined ? id : engine.decodeState(entity, null)));
  const counts = (
    [
      ["BE", 10_000],
      ["FR", 10_000],
      ["FR", 9_999],
      ["", 20_000],
    ] as const
  ).map(([merchantCountry, amountMinor], index) =>
    engine.applyPayment(states, {
      ...payment,
      merchantCountry,
      amountMinor,
      transactionId: `${index}`,
      occurredAtMs: START_MS,
    }),
  );
  expect(counts.flatMap((result) => (result.duplicate ? [] : result.values))).toEqual([0, 1, 1, 2]);
});

test("the category feature of docs/features.md has the code of the payment's text", async () => {
  const [, example = ""] = CATEGORY.exec(await readFile(DOCUMENT, "utf8")) ?? [];
  const current = parse(await readFile(SPEC, "utf8"));
  const engine = compileEngine(parseFeatureSpec(JSON.stringify({ ...current, features: parse(example) })));
  const payment = { cardToken: "ct_1", terminalId: "t-1", currency: "EUR", latitude: undefined, longitude: undefined };
  const states = engine
    .entityIds(payment)
    .map((id, entity) => (id === undefined ? id : engine.decodeState(entity, null)));
  const results = ["7995", "5411", ""].map((mcc, index) =>
    engine.applyPayment(states, {
      ...payment,
      mcc,
      amountMinor: 100,
      transactionId: `${index}`,
      occurredAtMs: START_MS,
    }),
  );
  const codes = results.flatMap((result) => (result.duplicate ? [] : result.values));
  expect(codes).toEqual([categoryCode("7995"), categoryCode("5411"), 0]);
});

test("the feature over payment updates of docs/features.md counts declines of the issuer, except for one code", async () => {
  const [, example = ""] = UPDATES.exec(await readFile(DOCUMENT, "utf8")) ?? [];
  const current = parse(await readFile(SPEC, "utf8"));
  const engine = compileEngine(parseFeatureSpec(JSON.stringify({ ...current, features: parse(example) })));
  const states = [engine.decodeState(0, null)];
  const { DECLINED, AUTHORISED } = PaymentUpdateKind;
  const said = [
    { kind: DECLINED, declinedBy: DeclinedBy.ISSUER, issuerCode: "51" },
    { kind: DECLINED, declinedBy: DeclinedBy.ISSUER, issuerCode: "55" },
    { kind: DECLINED, declinedBy: DeclinedBy.TRIPLINE, issuerCode: "" },
    { kind: AUTHORISED, declinedBy: DeclinedBy.UNSPECIFIED, issuerCode: "00" },
    { kind: DECLINED, declinedBy: DeclinedBy.ISSUER, issuerCode: "05" },
  ];
  for (const [index, one] of said.entries()) {
    engine.applyUpdate(states, {
      ...one,
      updateId: `u${index}`,
      transactionId: "txn_1",
      currency: "",
      amountMinor: undefined,
      updatedAtMs: START_MS,
    });
  }
  const [state] = states;
  expect(state && engine.readEntity(0, state, START_MS)).toEqual([2]);
});

test("the neighbours feature in docs/features.md counts another card whose payment was confirmed as fraud", async () => {
  const [, example = ""] = NEIGHBOURS.exec(await readFile(DOCUMENT, "utf8")) ?? [];
  const current = parse(await readFile(SPEC, "utf8"));
  const engine = compileEngine(parseFeatureSpec(JSON.stringify({ ...current, features: parse(example) })));
  const place = { terminalId: "t-1", deviceToken: "d", currency: "EUR", latitude: undefined, longitude: undefined };
  const device = engine.decodeState(
    engine.entities.findIndex(({ name }) => name === "device"),
    null,
  );
  const statesOf = (card: ReturnType<typeof engine.decodeState>) =>
    engine.entities.map(({ name }) => ({ card, device })[name]);
  const [stolen, own] = [engine.decodeState(0, null), engine.decodeState(0, null)];
  const paid = { ...place, amountMinor: 100, occurredAtMs: START_MS };
  engine.applyPayment(statesOf(stolen), { ...paid, cardToken: "ct_1", transactionId: "txn_1" });
  const said = { labelledAtMs: START_MS + 1_000, occurredAtMs: START_MS, fraud: true };
  expect(engine.labelledEntities(stolen, "txn_1", true)).toContain("d");
  engine.applyLabel(statesOf(stolen), { labelId: "l", cardToken: "ct_1", terminalId: "t-1", ...said });
  const later = { ...paid, occurredAtMs: START_MS + DAY_MS };
  const result = engine.applyPayment(statesOf(own), { ...later, cardToken: "ct_2", transactionId: "txn_2" });
  expect(result).toMatchObject({ values: [1] });
});
