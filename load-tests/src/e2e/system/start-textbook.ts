import { fileURLToPath } from "node:url";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import { DEMO_TENANT, MODEL_NAME } from "@tripline/system/services/plan-services";
import { Kafka, logLevel } from "kafkajs";
import type { BenchContext } from "../../harness/bench-context.js";
import { startHttpServer } from "../../harness/start-http-server.js";
import type { World } from "../world/prepare-world.js";
import { startTokenIssuer } from "./issue-tokens.js";
import { kafkaPid, redisPid } from "./read-services.js";

/** The textbook build of the same path, with its own Kafka, Valkey and scoring service. */
export interface Textbook {
  readonly port: number;
  readonly authorization: string;
  readonly pids: ReadonlyMap<string, number>;
}

const READY_MS_MAX = 120_000;
const PARTITIONS = 6;
const TOPICS = ["textbook.transactions", "textbook.features", "textbook.decisions"];

export async function startTextbook(context: BenchContext, world: World): Promise<Textbook> {
  const [brokers, redis] = [await context.kafka(), await context.redis()];
  await createTopics(brokers);
  const issuer = await startTokenIssuer(context, DEMO_TENANT);
  const [scoringGrpc = 0] = await findFreePorts(1);
  const connections = { KAFKA_BROKERS: brokers.join(","), REDIS_URL: redis.url };
  const start = (name: string, entry: string, environment: Readonly<Record<string, string>>) =>
    startHttpServer(context, {
      name,
      command: process.execPath,
      args: [entry],
      readyPath: "/health/ready",
      readyMs: READY_MS_MAX,
      environment: (port) => ({ PORT: String(port), HOST: "127.0.0.1", LOG_LEVEL: "warn", ...environment }),
    });
  const own = (part: string) => fileURLToPath(new URL(`../../textbook/${part}/main.js`, import.meta.url));
  const [front, features, decisions, scoring] = await Promise.all([
    start("textbook-front", own("front"), {
      ...connections,
      CARD_TOKEN_KEY: demoSecrets(world.secretsFile).cardTokenKey,
      AUTH_ISSUER: issuer.issuer,
      AUTH_JWKS_URL: issuer.jwksUrl,
    }),
    start("textbook-features", own("features"), connections),
    start("textbook-decisions", own("decisions"), {
      ...connections,
      SCORING_ADDRESS: `127.0.0.1:${scoringGrpc}`,
      MODEL_NAME,
    }),
    start("textbook-scoring", `${context.root}/apps/scoring/dist/main.js`, {
      GRPC_PORT: String(scoringGrpc),
      REGISTRY_URL: world.registryUrl,
      MODELS: `${MODEL_NAME}@champion`,
      FEATURE_SPEC_VERSION: String(currentFeatureSpec().version),
    }),
  ]);
  const pids = new Map([
    ["ingestion", front.pid],
    ["features", features.pid],
    ["decisions", decisions.pid],
    ["scoring", scoring.pid],
    ["kafka", kafkaPid(context)],
    ["valkey", await redisPid(redis.client)],
  ]);
  return { port: Number(new URL(front.url).port), authorization: issuer.authorization, pids };
}

async function createTopics(brokers: string[]): Promise<void> {
  const admin = new Kafka({ brokers, clientId: "bench", logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createTopics({
    topics: TOPICS.map((topic) => ({ topic, numPartitions: PARTITIONS, replicationFactor: 1 })),
  });
  await admin.disconnect();
}
