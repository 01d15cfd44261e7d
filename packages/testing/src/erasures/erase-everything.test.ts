import { exportPerson } from "@tripline/cli/commands/operate/personal-export";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import fc from "fast-check";
import { histories, PEOPLE, specs } from "./arbitrary-history.js";
import type { FeaturesInstance } from "./erasure-bed.js";
import { ErasureBed, newPerson } from "./erasure-bed.js";
import type { Person, SearchedStore } from "./searched-stores.js";
import { lakeStore, postgresStore, redisStore, topicStore } from "./searched-stores.js";

/** To run more: `ERASURE_RUNS=200 npm test -- packages/testing/src/erasures`. */
const RUNS = Number(process.env.ERASURE_RUNS ?? 6);
const MS_PER_RUN_MAX = 10_000;

let bed: ErasureBed;
let features: FeaturesInstance;
let stores: readonly SearchedStore[];

beforeAll(async () => {
  bed = await ErasureBed.start();
  stores = [redisStore(bed.redis, () => features.engine), postgresStore(bed.database)];
});
afterAll(() => bed?.close());

async function findings(searched: readonly SearchedStore[], person: Person): Promise<readonly string[]> {
  const found = await Promise.all(
    searched.map(async (store) => (await store.find(person)).map((what) => `${store.name}: ${what}`)),
  );
  return found.flat();
}

test(
  "regression #24: an export shows all data of a person, and an erasure leaves none, for any feature spec",
  async () => {
    const erased: Person[] = [];
    const others: Person[] = [];
    await fc.assert(
      fc.asyncProperty(specs, histories, async (spec, history) => {
        await bed.redis.flushdb();
        features = await bed.features(spec);
        const [person = newPerson(), ...rest] = Array.from({ length: PEOPLE }, newPerson);
        const ofRest = async () => Promise.all(rest.map((other) => findings(stores, other)));
        await bed.pay(features, [person, ...rest], history);
        const before = await ofRest();
        const wouldFind = (await findings(stores, person)).map((finding) =>
          finding.replace(/^\S+ (\S+) (?:contains|ha).*$/, "$1"),
        );
        expect(await bed.export(features, person)).toEqual([...new Set(wouldFind)].sort());
        await bed.erase(features, person);
        expect(await bed.export(features, person)).toEqual([]);
        expect(await findings(stores, person)).toEqual([]);
        expect(await ofRest()).toEqual(before);
        erased.push(person);
        others.push(...rest.filter((_, index) => history.some((payment) => payment.person === index + 1)));
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
    // Each search reads whole stores, so only some people are searched for.
    const kept = [lakeStore(bed.lake, bed.open), topicStore(bed.control.kafka, bed.open)];
    for (const person of erased.slice(-2)) expect(await findings(kept, person)).toEqual([]);
    for (const person of others.slice(-1)) {
      expect(await findings(kept, person)).toEqual(expect.arrayContaining([expect.stringMatching(/lake: .* opens/)]));
    }
  },
  60_000 + RUNS * MS_PER_RUN_MAX,
);

test("tripline personal export writes a person's decrypted data from all stores, and after the erasure only pseudonyms", async () => {
  await bed.redis.flushdb();
  features = await bed.features(currentFeatureSpec());
  const [person, other] = [newPerson(), newPerson()];
  const payment = {
    terminal: 0,
    device: 0,
    ip: 0,
    hasEmail: true,
    hasAccount: true,
    hasBin: true,
    country: "BE",
  } as const;
  await bed.pay(
    features,
    [person, other],
    [0, 0, 1].map((who) => ({ ...payment, person: who })),
  );
  const { redisUrl, postgresUrl } = bed.control.stack;
  const places = { REDIS_URL: redisUrl, POSTGRES_URL: postgresUrl, lake: bed.lake };
  const control = {
    call: async (method: "GET" | "POST" | "PUT" | "DELETE", path: string, { body }: { body?: object } = {}) =>
      (await bed.control.as("ana", { scope: "personal:read" }).send(method === "GET" ? "POST" : method, path, body))
        .body,
  };
  const show = async (): Promise<string[]> => {
    const lines: string[] = [];
    await exportPerson(control, person.cardToken, places, (line) => void lines.push(JSON.stringify(line)));
    return lines;
  };
  const countOf = (lines: readonly string[], store: string) =>
    lines.filter((line) => line.startsWith(`{"store":"${store}"`)).length;
  const before = await show();
  const stores = ["control", "redis", "console", "lake", "personal fields"];
  // Redis: the card alone, and the card with its country. Console: one row per payment, and another for its account.
  expect(stores.map((store) => countOf(before, store))).toEqual([1, 2, 4, 2, 2]);
  expect(before.filter((line) => person.clear.every((clear) => line.includes(clear)))).toHaveLength(2);
  expect(before.join()).not.toContain(other.cardToken);
  await bed.erase(features, person);
  const after = await show();
  expect(stores.map((store) => countOf(after, store))).toEqual([1, 0, 0, 2, 0]);
  expect(after[0]).toMatch(/"erased_at":"20.*"keys":\[\]/);
});
