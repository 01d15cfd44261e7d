import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { parseFeatureSpec } from "@tripline/contracts/feature-spec";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { createLogger } from "@tripline/telemetry/logger";
import type { Redis } from "ioredis";
import { foldEvents } from "../batches/fold-events.js";
import { parseEvent } from "../batches/parse-event.js";
import { cardOf, payment, START_MS, TENANT } from "../testing/events.js";
import { FEAST_PROJECT as PROJECT } from "../testing/feast-rows.js";
import { recordsOf, useRedis } from "../testing/instance.js";
import { KeyScan, SCAN_KEY } from "./key-scan.js";
import { ProfileEraser } from "./profile-eraser.js";
import { ScanEraser } from "./scan-eraser.js";
import { StateEraser } from "./state-eraser.js";

const { connect } = useRedis();
const FAST = { share: 1, saveEveryMs: 0 };
const EMAIL = `et_${"0e".repeat(16)}`;
const DEVICE = `dt_${"0d".repeat(16)}`;
const ACCOUNT = `at_${"0a".repeat(16)}`;
const COMPOSITES = {
  account_device: "account_token/device_token",
  card_device: "card_token/device_token",
  terminal_card: "terminal_id/card_token",
  card_bin: "bin/card_token",
  card_email: "email_token/card_token",
  email_country_device: "merchant_country/email_token/device_token",
};
const spec: FeatureSpec = specWith({
  ...COMPOSITES,
  card_country: "card_token/merchant_country",
  device: "device_token",
});
const engine = compileEngine(spec);

function specWith(composites: Readonly<Record<string, string>>): FeatureSpec {
  const optional = Object.entries(composites).map(([name, key]) => [name, { key, optional: true }]);
  const entities = { card: { key: "card_token" }, ...Object.fromEntries(optional) };
  const features = Object.keys(entities).map((entity) => {
    return { name: `${entity}_count`, kind: "count", entity, window: "1d", default: 0, sentence: "It is {value}." };
  });
  return parseFeatureSpec(
    JSON.stringify({ version: 9, windows: { "1d": { width: "1d", tile: "1h" } }, entities, features }),
  );
}

function pays(name: string, change: Partial<Transaction>): Transaction {
  const all = { terminalId: "t-1", bin: "41111111", deviceToken: DEVICE, merchantCountry: "BE" };
  return payment({ clientTransactionId: name, emailToken: EMAIL, ...all, ...change });
}

/** Counts payments as the service does. */
async function count(redis: Redis, payments: readonly Transaction[]): Promise<void> {
  const events = recordsOf(payments).map((record) => parseEvent(engine, record));
  const keys = new Set(events.flatMap(({ stateKeys }) => stateKeys.flatMap((key) => key ?? [])));
  const stored = new Map([...keys].map((key) => [key, null]));
  const { changed } = foldEvents(engine, stored, events, { nowMs: START_MS, incomplete: false });
  for (const [key, value] of changed) await redis.set(key, Buffer.from(value), "EX", 1_000);
}

function eraserOf(redis: Redis, scan = new KeyScan(redis, createLogger("test", "silent"), FAST)) {
  const states = new StateEraser(redis, engine);
  const profiles = new ProfileEraser(redis, { engine, source: { tenant: TENANT, project: PROJECT } });
  return new ScanEraser(engine, scan, states, profiles);
}

/** The number of payments in the window of each state of a tenant, by entity name and id. */
async function counts(redis: Redis, tenant = TENANT): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  for (const key of await redis.keys("state:*")) {
    const [, name = "", , owner = "", ...id] = key.split(":");
    if (decodeURIComponent(owner) !== tenant) continue;
    const entity = engine.entities.findIndex((plan) => plan.name === name);
    const state = engine.decodeState(entity, await redis.getBuffer(key));
    found.set(`${name} ${id.join(":")}`, engine.readEntity(entity, state, START_MS)[0] ?? 0);
  }
  return found;
}

const erased = (subject: string) => ({ tenant: TENANT, subject, erasedAtMs: START_MS });

test("regression #24: empties the states of a card combined with a device, a terminal, an issuer or an e-mail address", async () => {
  const redis = await connect();
  await count(redis, [pays("a", {}), pays("b", { cardToken: cardOf(2), emailToken: `et_${"0f".repeat(16)}` })]);
  await eraserOf(redis).erase([erased(cardOf(1))]);
  const left = await counts(redis);
  const of = (card: string) => [...left].filter(([name]) => name.includes(card));
  expect(Object.fromEntries(of(cardOf(1)))).toEqual({
    // Their keys can be derived from the token, so `StateEraser` finds them directly.
    [`card ${cardOf(1)}`]: 1,
    [`card_country ${cardOf(1)}/BE`]: 1,
    [`card_device ${cardOf(1)}/${DEVICE}`]: 0,
    [`terminal_card t-1/${cardOf(1)}`]: 0,
    [`card_bin 41111111/${cardOf(1)}`]: 0,
    [`card_email ${EMAIL}/${cardOf(1)}`]: 0,
  });
  expect(of(cardOf(2)).every(([, payments]) => payments === 1)).toBe(true);
  expect(left.get(`email_country_device BE/${EMAIL}/${DEVICE}`)).toBe(1);
  expect(left.get(`device ${DEVICE}`)).toBe(2);
});

test("one scan erases several people, each only for their own tenant", async () => {
  const redis = await connect();
  await count(redis, [pays("a", {}), pays("b", { tenant: "other:shop" }), pays("c", { cardToken: cardOf(2) })]);
  await eraserOf(redis).erase([erased(EMAIL), { ...erased(cardOf(1)), tenant: "other:shop" }]);
  const emptied = async (tenant: string) =>
    [...(await counts(redis, tenant))].flatMap(([name, payments]) => (payments === 0 ? [name] : [])).sort();
  expect(await emptied(TENANT)).toEqual([
    `card_email ${EMAIL}/${cardOf(1)}`,
    `card_email ${EMAIL}/${cardOf(2)}`,
    `email_country_device BE/${EMAIL}/${DEVICE}`,
  ]);
  expect(await emptied("other:shop")).toEqual([
    `card_bin 41111111/${cardOf(1)}`,
    `card_device ${cardOf(1)}/${DEVICE}`,
    `card_email ${EMAIL}/${cardOf(1)}`,
    `terminal_card t-1/${cardOf(1)}`,
  ]);
});

test("regression #28: one scan finds the states of an account and of a card", async () => {
  const redis = await connect();
  await count(redis, [pays("a", { accountToken: ACCOUNT }), pays("b", { cardToken: cardOf(2) })]);
  await eraserOf(redis).erase([erased(ACCOUNT), erased(cardOf(2))]);
  const left = await counts(redis);
  expect(left.get(`account_device ${ACCOUNT}/${DEVICE}`)).toBe(0);
  expect(left.get(`card_device ${cardOf(2)}/${DEVICE}`)).toBe(0);
  expect(left.get(`card_device ${cardOf(1)}/${DEVICE}`)).toBe(1);
});

test("a scan resumes after a restart, even with additional erasures; on another server, it starts again", async () => {
  const redis = await connect();
  await count(
    redis,
    Array.from({ length: 300 }, (_, index) => pays(`a${index}`, { cardToken: cardOf(index) })),
  );
  const people = [cardOf(1), cardOf(2)].map(erased);
  const looks: number[] = [];
  const scanUntil = (pages: number, isOther = false) => {
    const scan = new KeyScan(isOther ? withOtherRunId(redis) : redis, createLogger("test", "silent"), FAST);
    let looked = 0;
    const run: KeyScan["run"] = (items, match, handle) =>
      scan.run(items, match, async (keys) => {
        looked += 1;
        if (looked > pages) scan.beforeApplicationShutdown();
        await handle(keys);
      });
    return { begun: (items: readonly string[]) => scan.begun(items), run, looked: () => looks.push(looked) };
  };
  const interrupted = scanUntil(1);
  const stopped = eraserOf(redis, interrupted as never).erase(people);
  await expect(stopped).rejects.toMatchObject({ code: "shutting-down" });
  const progress = await redis.get(SCAN_KEY);
  const resumed = scanUntil(Number.POSITIVE_INFINITY);
  await eraserOf(redis, resumed as never).erase([...people, erased(cardOf(3))]);
  resumed.looked();
  await redis.set(SCAN_KEY, progress ?? "");
  const whole = scanUntil(Number.POSITIVE_INFINITY, true);
  await eraserOf(redis, whole as never).erase(people);
  whole.looked();
  // Two pages were already scanned, but the third person needs all of them.
  const [rest = 0, all = 0] = looks;
  expect(rest).toBe(2 * all - 2);
  expect(await redis.exists(SCAN_KEY)).toBe(0);
  const left = [...(await counts(redis))].filter(([, payments]) => payments === 0).map(([name]) => name.split("_")[0]);
  expect(left).toHaveLength(3 * 4);
});

/** The same keys in another server process, for which the cursor is invalid. */
function withOtherRunId(redis: Redis): Redis {
  return new Proxy(redis, {
    get: (target, name) => {
      const value = Reflect.get(target, name, target) as unknown;
      if (name === "info")
        return async (part: string) => (await target.info(part)).replace(/^run_id:\S+/m, "run_id:other");
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
