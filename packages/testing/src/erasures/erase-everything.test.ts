import fc from "fast-check";
import { histories, PEOPLE, specs } from "./arbitrary-history.js";
import type { FeaturesInstance } from "./erasure-bed.js";
import { ErasureBed, newPerson } from "./erasure-bed.js";
import type { Person, SearchedStore } from "./searched-stores.js";
import { lakeStore, postgresStore, redisStore, topicStore } from "./searched-stores.js";

/** More with `ERASURE_RUNS=200 npm test -- packages/testing/src/erasures`. */
const RUNS = Number(process.env.ERASURE_RUNS ?? 6);
const MS_PER_RUN_MAX = 10_000;

let bed: ErasureBed;
let features: FeaturesInstance;
let stores: readonly SearchedStore[];

beforeAll(async () => {
  bed = await ErasureBed.start();
  stores = [redisStore(bed.redis, () => features.engine), postgresStore(bed.database)];
}, 60_000);
afterAll(() => bed?.close());

async function findings(searched: readonly SearchedStore[], person: Person): Promise<readonly string[]> {
  const found = await Promise.all(
    searched.map(async (store) => (await store.find(person)).map((what) => `${store.name}: ${what}`)),
  );
  return found.flat();
}

test(
  "regression #24: for any feature spec an export shows what is kept of a person, and an erasure leaves nothing of it",
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
        const wouldFind = (await findings(stores, person)).map((finding) => finding.replace(/^\S+ (\S+) ha?.*$/, "$1"));
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
    // Reading them takes as long for one person as for all.
    const kept = [lakeStore(bed.lake, bed.open), topicStore(bed.control.kafka, bed.open)];
    for (const person of erased.slice(-2)) expect(await findings(kept, person)).toEqual([]);
    for (const person of others.slice(-1)) {
      expect(await findings(kept, person)).toEqual(expect.arrayContaining([expect.stringMatching(/lake: .* opens/)]));
    }
  },
  60_000 + RUNS * MS_PER_RUN_MAX,
);
