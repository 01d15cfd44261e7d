import { encodeMessage } from "@tripline/contracts/encode-message";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES } from "@tripline/contracts/topics";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { cardOf, payment, paymentRecord, START_MS } from "../testing/events.js";
import { FEAST_PROJECT, feastOf } from "../testing/feast-rows.js";
import { TestHistory } from "../testing/history.js";
import { engine } from "../testing/instance.js";
import { ProfileEraser } from "./profile-eraser.js";
import { listedStateKeys } from "./subject-entities.js";

const TENANT = payment({ clientTransactionId: "any" }).tenant;
const EMAIL = `et_${"0e".repeat(16)}`;
const COUNTRY = "BE";

let history: TestHistory;
beforeEach(async () => {
  history = await TestHistory.open();
});
afterEach(() => history.close());

const pays = (name: string, card: number, count: number, deviceToken = "") =>
  Array.from({ length: count }, (_, index) =>
    paymentRecord(
      payment({
        clientTransactionId: `${name}-${index}`,
        cardToken: cardOf(card),
        terminalId: "t-1",
        occurredAtMs: START_MS + index * 60_000,
        merchantCountry: COUNTRY,
        deviceToken,
        emailToken: card === 1 ? EMAIL : "",
      }),
    ),
  );

test("finds every entity of a card or an e-mail address", () => {
  const named = { clientTransactionId: "any", merchantCountry: COUNTRY, terminalId: "t-1" };
  const event = payment({ ...named, cardToken: cardOf(1), emailToken: EMAIL });
  const keys = engine.stateKeys(TENANT, event);
  for (const [field, subject] of [
    ["card_token", cardOf(1)],
    ["email_token", EMAIL],
  ] as const) {
    const found = listedStateKeys(engine, TENANT, subject);
    const wanted = keys.flatMap((key, entity) =>
      key !== undefined && engine.entities[entity]?.fields.includes(field) === true ? [{ key, entity }] : [],
    );
    expect(wanted.length).toBeGreaterThan(0);
    expect(found).toEqual(expect.arrayContaining(wanted));
  }
});

test("finds an account's entity by its token", () => {
  const spec = currentFeatureSpec();
  const [window = ""] = Object.keys(spec.windows);
  const counted = {
    name: "account_count",
    kind: "count",
    entity: "account",
    window,
    default: 0,
    sentence: "x",
  } as const;
  const withAccounts = compileEngine({
    ...spec,
    entities: { ...spec.entities, account: { key: "account_token", optional: true } },
    features: [...spec.features, counted],
  });
  const accountToken = `at_${"0a".repeat(16)}`;
  const event = payment({ clientTransactionId: "any", accountToken });
  const keys = withAccounts.stateKeys(TENANT, event);
  const [found, ...others] = listedStateKeys(withAccounts, TENANT, accountToken);
  expect(others).toEqual([]);
  expect(found?.key).toBe(keys[found?.entity ?? -1]);
  expect(withAccounts.entities[found?.entity ?? -1]?.fields).toEqual(["account_token"]);
});

test("empties only the states of an erased card, and a rebuild has the same result", async () => {
  await history.producer.send([...pays("a", 1, 5), ...pays("b", 2, 5)]);
  await history.serve();
  const erasure = { tenant: TENANT, subject: cardOf(1), erasedAtMs: Date.now() };
  await history.producer.send([
    { topic: TABLES.erasures.name, key: "1", value: encodeMessage(Erasure, erasure), headers: {} },
  ]);
  const service = await history.startService();
  const cardKey = listedStateKeys(engine, TENANT, cardOf(1))[0]?.key ?? "";
  const lengthOf = async () => (await history.redis.getBuffer(cardKey))?.length ?? 0;
  const before = await lengthOf();
  while ((await lengthOf()) === before) await new Promise((resolve) => setTimeout(resolve, 50));
  const emptied = engine.decodeState(0, await history.redis.getBuffer(cardKey));
  expect(emptied.sequence).toBe(5);
  expect(await history.redis.ttl(cardKey)).toBeGreaterThan(0);
  // The person pays again, and counts as a new person.
  await history.producer.send(pays("c", 1, 2));
  await history.untilHandled();
  await service.close();

  const states = new Map<string, Buffer | null>();
  for (const key of await history.redis.keys("state:*")) states.set(key, await history.redis.getBuffer(key));
  expect(engine.decodeState(0, states.get(cardKey) ?? null).sequence).toBe(7);
  await history.redis.flushdb();
  await history.archive();
  // Feast does not know about erasures, and may write first.
  const feast = feastOf(history.redis);
  await feast.write("card_profile", cardOf(1), START_MS);
  await feast.write("card_profile", cardOf(2), START_MS);
  const profiles = new ProfileEraser(history.redis, { engine, source: { tenant: TENANT, project: FEAST_PROJECT } });
  const done: Erasure[] = [];
  const { admin } = history;
  const pausing = {
    clusterId: () => admin.clusterId(),
    endOffsets: (topic: string) => admin.endOffsets(topic),
    committedOffsets: (group: string, topic: string) => admin.committedOffsets(group, topic),
    groupMembers: (group: string) => {
      // The last erasure that an instance performs before it pauses.
      done.push(erasure);
      return admin.groupMembers(group);
    },
  };
  const rebuilt = await history.rebuild({ admin: pausing, erasures: async () => [...done], profiles });
  expect(rebuilt).toMatchObject({ events: 12, incomplete: 0, repeated: 0 });
  for (const [key, value] of states) expect([key, await history.redis.getBuffer(key)]).toEqual([key, value]);
  await feast.write("card_profile", cardOf(1), START_MS + 86_400_000);
  const hasProfile = (card: number) => feast.has("card_profile:card_first_paid_ms", { card_token: cardOf(card) });
  expect([await hasProfile(1), await hasProfile(2)]).toEqual([false, true]);
});

test("regression #24: after a rebuild, the states of an erased card combined with each of its devices are empty", async () => {
  const known = currentFeatureSpec();
  const counted = {
    entity: "card_device",
    kind: "count",
    window: "1d",
    default: 0,
    sentence: "It is {value}.",
  } as const;
  const wider = compileEngine({
    ...known,
    entities: { ...known.entities, card_device: { key: "card_token/device_token", optional: true } },
    features: [...known.features, { ...counted, name: "card_device_count_1d" }],
  });
  const device = `dt_${"0d".repeat(16)}`;
  await history.producer.send([...pays("a", 1, 3, device), ...pays("b", 2, 3, device)]);
  await history.count();
  await history.archive();
  const erasure = { tenant: TENANT, subject: cardOf(1), erasedAtMs: Date.now() };
  await history.rebuild({ engine: wider, erasures: async () => [erasure] });
  const entity = wider.entities.findIndex(({ name }) => name === "card_device");
  const countOf = async (card: number) => {
    const ids = { cardToken: cardOf(card), terminalId: "t-1", deviceToken: device };
    const state = wider.decodeState(entity, await history.redis.getBuffer(wider.stateKeys(TENANT, ids)[entity] ?? ""));
    return wider.readEntity(entity, state, START_MS + 180_000)[0];
  };
  expect([await countOf(1), await countOf(2)]).toEqual([0, 3]);
});
