import { readSnapshot } from "@tripline/backfill/states/state-snapshot";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { cardToken, keyedToken } from "@tripline/contracts/identifiers";
import type { EntityPlan } from "@tripline/feature-engine/plan-entities";
import { planEntities } from "@tripline/feature-engine/plan-entities";
import { stateKey, stateKeyPrefix } from "@tripline/feature-engine/state/state-key";
import { createSimulation } from "@tripline/simulator/create-simulation";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import { addCommand } from "@tripline/stores/redis/encode-command";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import { DEMO_TENANT } from "@tripline/system/services/plan-services";
import type { ChainableCommander, Redis } from "ioredis";
import { BenchError } from "../../harness/bench-error.js";
import { readValkeyMemory } from "../../harness/read-valkey-memory.js";
import type { World } from "./prepare-world.js";
import type { PaymentReplicas } from "./replicate-payments.js";

/** Copies per pipeline. One pipeline is in flight while the next one is built. */
const COPIES_PER_PIPELINE = 1_000;
const PROGRESS_MS = 5_000;
const SAMPLE_STATES = 2_000;
/** Memory that stays free for services, Kafka and the page cache. */
const REST_BYTES = 2 ** 30;
const GB_BYTES = 1e9;

/** A state of the world that is copied for each replica. */
export interface Original {
  readonly key: string;
  /** The key of the same entity's state in a replica. */
  keyOf(replica: number): string;
}

export interface Originals {
  readonly states: readonly Original[];
  /** Number of states whose card, device or address has no payment in the history. They get no replicas. */
  readonly unnamed: number;
}

/** The part of a payment that names an entity, how a replica names it, and the token that ingestion makes from it. */
interface Naming {
  idOf(payment: SimulatedPayment): string | null;
  replicaOf(id: string, replica: number): string;
  tokenOf(key: Uint8Array, tenant: string, id: string): string;
}

/** Terminals, and issuers at a terminal, are not included, because all replicas share them. */
function namingsOf(replicas: PaymentReplicas): Partial<Record<string, Naming>> {
  return {
    card_token: {
      idOf: (payment) => payment.cardNumber,
      replicaOf: (id, replica) => replicas.cardNumber(id, replica),
      tokenOf: cardToken,
    },
    device_token: {
      idOf: (payment) => payment.deviceId,
      replicaOf: (id, replica) => replicas.deviceId(id, replica),
      tokenOf: (...of) => keyedToken("device", ...of),
    },
    ip_token: {
      idOf: (payment) => payment.ipAddress,
      replicaOf: (id, replica) => replicas.ipAddress(id, replica),
      tokenOf: (...of) => keyedToken("ip", ...of),
    },
    email_token: {
      idOf: (payment) => payment.email,
      replicaOf: (id, replica) => replicas.email(id, replica),
      tokenOf: (...of) => keyedToken("email", ...of),
    },
    card_token_merchant_country: {
      idOf: (payment) => `${payment.cardNumber}/${payment.merchantCountry}`,
      replicaOf: (id, replica) => `${replicas.cardNumber(id.slice(0, -3), replica)}${id.slice(-3)}`,
      tokenOf: (key, tenant, id) => `${cardToken(key, tenant, id.slice(0, -3))}${id.slice(-3)}`,
    },
  };
}

/**
 * The states of a world's cards, devices and addresses. States are stored under irreversible tokens, so this replays
 * the history to find the values behind the tokens.
 */
export async function findOriginals(world: World, replicas: PaymentReplicas): Promise<Originals> {
  const namings = namingsOf(replicas);
  const plans = planEntities(currentFeatureSpec());
  const named = nameStates(world, plans, namings);
  const shared = plans.filter(({ key }) => namings[key] === undefined).map((plan) => stateKeyPrefix(plan));
  const states: Original[] = [];
  let unnamed = 0;
  for await (const [key] of readSnapshot(world.statePath, () => {})) {
    if (shared.some((prefix) => key.startsWith(prefix))) continue;
    const original = named.get(key);
    if (original === undefined) unnamed += 1;
    else states.push(original);
  }
  return { states, unnamed };
}

/** All entities in payments of the history, by state key. */
function nameStates(
  world: World,
  plans: readonly EntityPlan[],
  namings: Partial<Record<string, Naming>>,
): Map<string, Original> {
  const secret = Buffer.from(demoSecrets(world.secretsFile).cardTokenKey, "base64");
  const kinds = plans.flatMap((plan) => {
    const naming = namings[plan.key];
    return naming === undefined ? [] : [{ plan, naming, seen: new Set<string>() }];
  });
  const named = new Map<string, Original>();
  for (const payment of createSimulation(world.simulation)) {
    if (payment.occurredAtMs >= world.historyEndMs) break;
    for (const { plan, naming, seen } of kinds) {
      const id = naming.idOf(payment);
      if (id === null || seen.has(id)) continue;
      seen.add(id);
      const keyOf = (replica: number): string =>
        stateKey(plan, DEMO_TENANT, naming.tokenOf(secret, DEMO_TENANT, naming.replicaOf(id, replica)));
      const key = keyOf(0);
      named.set(key, { key, keyOf });
    }
  }
  return named;
}

/**
 * Estimates the memory of all copies in Valkey from a sample of the originals. MEMORY USAGE reports about an eighth
 * more than a copy takes, which serves as a margin.
 */
export async function estimateBytes(redis: Redis, states: readonly Original[], replicas: number): Promise<number> {
  const step = Math.ceil(states.length / SAMPLE_STATES);
  const sample = states.filter((_, index) => index % step === 0);
  const pipeline = redis.pipeline();
  for (const { key } of sample) pipeline.memory("USAGE", key);
  const bytes = (await repliesOf(pipeline)).reduce((sum, reply) => sum + reply, 0);
  return (bytes / sample.length) * states.length * (replicas - 1);
}

/** @throws BenchError if the copies would not fit into the machine's free memory */
export function requireMemory(need: { cards: number; bytes: number; freeBytes: number }): void {
  const { cards, bytes, freeBytes } = need;
  if (bytes + REST_BYTES <= freeBytes) return;
  const [needed, free] = [bytes + REST_BYTES, freeBytes].map((each) => (each / GB_BYTES).toFixed(1));
  throw new BenchError(
    `--cards: the states of ${cards} cards require ${needed} GB of memory, but this machine has only ${free} GB free.`,
  );
}

/** Raises Valkey's memory limit by twice this many bytes, to leave room for other work. */
export async function raiseMemoryLimit(redis: Redis, bytes: number): Promise<void> {
  const { usedBytes, limitBytes } = await readValkeyMemory(redis);
  const wanted = Math.ceil(usedBytes + 2 * bytes + REST_BYTES);
  // A limit of 0 means that memory is unlimited.
  if (limitBytes > 0 && limitBytes < wanted) await redis.config("SET", "maxmemory", String(wanted));
}

export interface CopyPlan {
  readonly redis: Redis;
  readonly states: readonly Original[];
  /** Number of copies, including the original. */
  readonly replicas: number;
  readonly log: (line: string) => void;
}

/**
 * Copies each state for each replica, with the original's remaining time to live. Valkey itself copies the current
 * states, so only keys are sent. Needs memory for two pipelines.
 *
 * @returns the number of copies
 * @throws BenchError if an original no longer exists, a copy already exists, or Valkey reports an error
 */
export async function copyStates({ redis, states, replicas, log }: CopyPlan): Promise<number> {
  const total = states.length * (replicas - 1);
  let done = 0;
  let loggedAt = performance.now();
  let underWay = Promise.resolve(0);
  for (const pipeline of copiesOf(redis, states, replicas)) {
    done += await underWay;
    underWay = copy(pipeline);
    if (performance.now() - loggedAt < PROGRESS_MS) continue;
    loggedAt = performance.now();
    log(`  ${done} of ${total} states copied`);
  }
  done += await underWay;
  return done;
}

function* copiesOf(redis: Redis, states: readonly Original[], replicas: number): Generator<ChainableCommander> {
  for (let replica = 1; replica < replicas; replica += 1) {
    for (let start = 0; start < states.length; start += COPIES_PER_PIPELINE) {
      const pipeline = redis.pipeline();
      for (const { key, keyOf } of states.slice(start, start + COPIES_PER_PIPELINE)) {
        addCommand(pipeline, "copy", [key, keyOf(replica)]);
      }
      yield pipeline;
    }
  }
}

async function copy(pipeline: ChainableCommander): Promise<number> {
  const { length } = pipeline;
  const copied = (await repliesOf(pipeline)).reduce((sum, reply) => sum + reply, 0);
  if (copied === length) return copied;
  throw new BenchError(
    `${length - copied} of ${length} states could not be copied: they no longer exist, or the copies already exist.`,
  );
}

/** @throws BenchError for the first reply that is an error or not a number */
async function repliesOf(pipeline: ChainableCommander): Promise<number[]> {
  const replies = (await pipeline.exec()) ?? [];
  return replies.map(([error, reply]) => {
    if (error === null && typeof reply === "number") return reply;
    throw new BenchError(`Valkey could not copy the states: ${error?.message ?? `it returned ${reply}`}.`);
  });
}
