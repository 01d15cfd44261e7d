import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { FeastRedisClient } from "@tripline/feast-client/redis";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { completeKey, stateKey } from "@tripline/feature-engine/state/state-key";
import type { Redis } from "ioredis";
import { BenchError } from "../harness/bench-error.js";
import { TENANT } from "./start-servers.js";

export const CARDS = 1_000;
const PROFILE_FEATURES = 50;
/** Number of cards whose responses are checked before the measurement. */
const CHECKED_CARDS = [0, CARDS - 1];
const ROWS_PER_PUSH = 100;
const PAYMENTS_PER_CARD = 60;
const HOUR_MS = 3_600_000;

/** Names as in peers/feast/definitions.py. Every fifth feature is an integer. */
const profileNames = Array.from({ length: PROFILE_FEATURES }, (_, index) => `f${String(index).padStart(2, "0")}`);

const cardOf = (card: number) => `ct_${card.toString(16).padStart(32, "0")}`;

/** IDs of a card's entities, by the entity names in the spec. */
const idsOf = (card: number): Readonly<Record<string, string>> => ({
  card: cardOf(card),
  terminal: `t-${card}`,
  device: `d-${card}`,
  ip: `ip-${card}`,
});

function profileValue(card: number, feature: number): number {
  const mixed = (card * 7_919 + feature * 104_729) % 100_003;
  return feature % 5 === 0 ? mixed : mixed / 97;
}

/** Requests, each for the fifty features of one card, which both servers accept. */
export function profileBodies(): string[] {
  const features = profileNames.map((name) => `card_profile:${name}`);
  return Array.from({ length: CARDS }, (_, card) =>
    JSON.stringify({ features, entities: { card_token: [cardOf(card)] } }),
  );
}

export const profileReferences: readonly string[] = profileNames.map((name) => `card_profile:${name}`);

export const profileEntity = (card: number) => ({ card_token: cardOf(card % CARDS) });

/** Pushes the fifty features of every card to a server, in the format of Feast's feature server. */
export async function pushProfiles(url: string): Promise<void> {
  const eventTimestamp = new Date().toISOString();
  for (let first = 0; first < CARDS; first += ROWS_PER_PUSH) {
    const cards = Array.from({ length: ROWS_PER_PUSH }, (_, row) => first + row);
    const columns = profileNames.map((name, feature) => [name, cards.map((card) => profileValue(card, feature))]);
    const df = {
      card_token: cards.map(cardOf),
      event_timestamp: cards.map(() => eventTimestamp),
      ...Object.fromEntries(columns),
    };
    await post(`${url}/push`, JSON.stringify({ push_source_name: "card_profile_push", df, to: "online" }));
  }
}

/**
 * Checks the responses, because a fast but wrong response is useless. @throws BenchError for a value that was not
 * pushed
 */
export async function expectProfiles(name: string, url: string): Promise<void> {
  for (const card of CHECKED_CARDS) {
    const text = await post(`${url}/get-online-features`, profileBodies()[card] ?? "");
    const { metadata, results } = JSON.parse(text) as {
      metadata: { feature_names: string[] };
      results: { values: unknown[]; statuses: string[] }[];
    };
    const columns = metadata.feature_names.map((feature, index): [string, FeastColumn] => {
      return [feature, { value: results[index]?.values[0], status: results[index]?.statuses[0] }];
    });
    expectRow(name, card, new Map(columns));
  }
}

/** Does the same for the client that reads from Redis. @throws BenchError */
export async function expectDirect(client: FeastRedisClient): Promise<void> {
  for (const card of CHECKED_CARDS) {
    const { featureNames, rows } = await client.getOnlineFeatures({
      features: profileReferences,
      entities: [profileEntity(card)],
    });
    const columns = featureNames.map((feature, index): [string, FeastColumn] => {
      return [feature, { value: rows[0]?.values[index], status: rows[0]?.statuses[index] }];
    });
    expectRow("direct", card, new Map(columns));
  }
}

/** The metadata of a feature. */
interface FeastColumn {
  readonly value: unknown;
  readonly status: string | undefined;
}

function expectRow(name: string, card: number, columns: ReadonlyMap<string, FeastColumn>): void {
  for (const [index, feature] of profileNames.entries()) {
    const found = columns.get(feature);
    const expected = profileValue(card, index);
    if (found?.status === "PRESENT" && Number(found.value) === expected) continue;
    throw new BenchError(
      `${name} returns ${found?.status} ${found?.value} for ${feature}, although ${expected} was pushed.`,
    );
  }
}

/** Requests, each for all window features of one card, terminal, device and address. */
export function windowBodies(): string[] {
  const engine = compileEngine(currentFeatureSpec());
  const features = windowReferences(engine);
  return Array.from({ length: CARDS }, (_, card) => {
    const ids = idsOf(card);
    const entities = engine.entities
      .filter((_plan, entity) => engine.entityFeatures(entity).length > 0)
      .map(({ name, key }) => [key, [ids[name] ?? ""]]);
    return JSON.stringify({ features, entities: Object.fromEntries(entities) });
  });
}

export function windowReferences(engine: FeatureEngine): string[] {
  return engine.entities.flatMap(({ name }, entity) =>
    engine.entityFeatures(entity).map((feature) => `${name}_windows:${feature}`),
  );
}

/** Writes the states that the features service would have stored after some payments of every card. */
export async function writeStates(redis: Redis): Promise<void> {
  const engine = compileEngine(currentFeatureSpec());
  await redis.set(completeKey(engine.entities), "bench");
  const newestMs = Date.now() - HOUR_MS;
  for (let card = 0; card < CARDS; card += 1) {
    const ids = idsOf(card);
    const states = engine.entities.map((_, entity) => engine.decodeState(entity, null));
    for (let payment = 0; payment < PAYMENTS_PER_CARD; payment += 1) {
      engine.applyPayment(states, {
        transactionId: `txn-${card}-${payment}`,
        cardToken: ids.card ?? "",
        terminalId: ids.terminal ?? "",
        deviceToken: ids.device ?? "",
        ipToken: ids.ip ?? "",
        amountMinor: 500 + ((card * 31 + payment * 997) % 20_000),
        currency: "EUR",
        occurredAtMs: newestMs - (PAYMENTS_PER_CARD - payment) * 10 * HOUR_MS,
        latitude: 50,
        longitude: 8,
      });
    }
    const pairs = engine.entities.flatMap((plan, entity) => {
      const [id, state] = [ids[plan.name], states[entity]];
      if (id === undefined || state === undefined) return [];
      return [stateKey(plan, TENANT, id), Buffer.from(engine.encodeState(entity, state))];
    });
    await redis.mset(pairs);
  }
}

/** @throws BenchError for a response other than 200 */
export async function post(url: string, body: string): Promise<string> {
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  const text = await response.text();
  if (response.status === 200) return text;
  throw new BenchError(`${url} answered ${response.status}: ${text.slice(0, 300)}`);
}
