import { availableParallelism } from "node:os";
import { FeastRedisClient } from "@tripline/feast-client/redis";
import { readRegistry } from "@tripline/feast-client/registry";
import { Redis } from "ioredis";
import type { BenchContext, BenchRedis } from "../harness/bench-context.js";
import { ownCpu, processTreeCpu, redisCpu, sumOfCpu } from "../harness/cpu-meter.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { ratioOf } from "../harness/run-contestants.js";
import { percentile } from "../harness/spread.js";
import type { HttpServer } from "../harness/start-http-server.js";
import { driveLoad } from "./drive-load.js";
import {
  CARDS,
  expectDirect,
  expectProfiles,
  profileBodies,
  profileEntity,
  profileReferences,
  pushProfiles,
  windowBodies,
  writeStates,
} from "./fill-stores.js";
import { startFeast, startFeaturesService } from "./start-servers.js";

const ROUNDS = 5;
const ROUND_MS = 3_000;
/** Requests in flight, for all contestants. */
const CONCURRENCY = 16;

/** Fifty features of one entity row: from this service and Feast's Python server over HTTP, and directly from Redis. */
export const readPart: BenchPart = {
  name: "read",
  title: `50 features of one entity row, ${CONCURRENCY} requests in flight: the features service compared with Feast's Python server`,
  run: runRead,
};

async function runRead(context: BenchContext): Promise<PartOutcome> {
  const redis = await context.redis();
  const instances: HttpServer[] = [];
  for (let index = 0; index < availableParallelism(); index += 1) {
    instances.push(await startFeaturesService(context, index));
  }
  const feast = await startFeast(context);
  await writeStates(redis.client);
  for (const [index, { url }] of [...instances, feast].entries()) {
    // The instances share their store, as Feast's workers do.
    if (index === 0 || url === feast.url) await pushProfiles(url);
    await expectProfiles(url === feast.url ? "feast" : "tripline", url);
  }
  const profiles = profileBodies();
  const contestants = [
    httpContestant("tripline", instances, redis, profiles),
    httpContestant("feast", [feast], redis, profiles),
    httpContestant("tripline windows", instances, redis, windowBodies()),
    await directContestant(context, redis, feast.registry),
  ];
  const measured = await context.measure(contestants, { roundsDefault: ROUNDS, warmUpRounds: 1 });
  return {
    contestants: measured,
    summary: {
      rps_ratio: ratioOf(measured, "ops_per_s", "tripline", "feast"),
      p99_ratio: ratioOf(measured, "p99_ms", "tripline", "feast"),
      direct_ratio: ratioOf(measured, "ops_per_s", "direct", "feast"),
      windows_rps_ratio: ratioOf(measured, "ops_per_s", "tripline windows", "feast"),
      windows_p99_ratio: ratioOf(measured, "p99_ms", "tripline windows", "feast"),
    },
    notes: [
      `tripline and feast read the same 50 features of one view for ${CARDS} cards in rotation from one Valkey. The features were pushed to both over HTTP, and their responses are compared first.`,
      `feast: feast serve with ${feast.workers} workers, tuned according to its guide; tripline: ${instances.length} instances that share the connections evenly.`,
      "tripline windows: 48 features, computed per request from the window states of a card, a terminal, a device and an address.",
      "direct: packages/feast-client reads Feast's rows from Redis, so all of its CPU time is in the client. For the others, client_cpu_us_per_op is the load generator's CPU time, which cpu_us_per_op excludes.",
      `Each connection sends its next request after the previous response. The client on the same machine measures the latencies.`,
    ],
  };
}

function httpContestant(name: string, servers: readonly HttpServer[], redis: BenchRedis, bodies: string[]): Contestant {
  const meters = servers.map(({ pid }) => processTreeCpu(name, pid));
  const urls = servers.map(({ url }) => url);
  return {
    name,
    meters: [sumOfCpu("server", meters), redisCpu(redis.client)],
    run: async () => {
      const client = ownCpu();
      const before = await client.readMs();
      const load = { urls, path: "/get-online-features", bodies, connections: CONCURRENCY, durationMs: ROUND_MS };
      const { requests, p50Ms, p99Ms } = await driveLoad(load);
      const clientUs = ((await client.readMs()) - before) * 1_000;
      return {
        operations: requests,
        figures: { p50_ms: p50Ms, p99_ms: p99Ms, client_cpu_us_per_op: clientUs / requests },
      };
    },
  };
}

async function directContestant(context: BenchContext, redis: BenchRedis, registryFile: string): Promise<Contestant> {
  const connection = new Redis(redis.url);
  context.defer(async () => connection.disconnect());
  const client = new FeastRedisClient({
    redis: connection,
    registry: await readRegistry(registryFile, { project: "bench" }),
  });
  await expectDirect(client);
  let next = 0;
  return {
    name: "direct",
    meters: [ownCpu("client"), redisCpu(redis.client)],
    run: async () => {
      const latenciesMs: number[] = [];
      const endAt = performance.now() + ROUND_MS;
      const read = async () => {
        for (let askedAt = performance.now(); askedAt < endAt; ) {
          await client.getOnlineFeatures({ features: profileReferences, entities: [profileEntity(next++)] });
          const answeredAt = performance.now();
          latenciesMs.push(answeredAt - askedAt);
          askedAt = answeredAt;
        }
      };
      await Promise.all(Array.from({ length: CONCURRENCY }, read));
      const figures = { p50_ms: percentile(latenciesMs, 0.5), p99_ms: percentile(latenciesMs, 0.99) };
      return { operations: latenciesMs.length, figures };
    },
  };
}
