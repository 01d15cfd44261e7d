import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import { ownCpu, processTreeCpu, redisCpu } from "../harness/cpu-meter.js";
import { versionsOf } from "../harness/package-versions.js";
import { requirePeer } from "../harness/require-peer.js";
import { roundMsOr } from "../harness/round-ms.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant, Measured } from "../harness/run-contestants.js";
import { ratioOf, samplesOf } from "../harness/run-contestants.js";
import type { HttpServer } from "../harness/start-http-server.js";
import type { Entry, PeerName } from "./choose-peers.js";
import { chosenPeers, PEERS } from "./choose-peers.js";
import { drivePayments, expectAccepted } from "./drive-payments.js";
import type { BenchToken } from "./issue-token.js";
import { issueToken } from "./issue-token.js";
import { IntakeServers, peerProgram } from "./start-peers.js";

const ROUNDS = 5;
const ROUND_MS = 3_000;
/** Requests in flight, for all contestants. */
const CONCURRENCY = 64;

/** The hot route as deployed, compared with the same work in a bare route and in a textbook build. */
export const intakePart: BenchPart = {
  name: "intake",
  title: `POST /v1/transactions, ${CONCURRENCY} requests in flight: the service compared with a bare Fastify route and Nest on Express`,
  check: async (context) => {
    for (const name of chosenPeers(context)) await requirePeer(peerProgram(context, PEERS[name].peer));
  },
  run: runIntake,
};

async function runIntake(context: BenchContext): Promise<PartOutcome> {
  const token = await issueToken(context);
  const servers = new IntakeServers(context, token);
  Object.assign(context.versions, versionsOf(["fastify", "@nestjs/platform-express", "class-validator", "kafkajs"]));
  const names = chosenPeers(context);
  const running = new Map<string, HttpServer>([["tripline", await servers.service()]]);
  for (const name of names) {
    const { peer, changes = {} }: Entry = PEERS[name];
    running.set(name, await servers.peer(peer, name, changes));
  }
  for (const [name, { url }] of running) await expectAccepted(name, url, token.authorization);
  const producing = names.filter((name) => PEERS[name].produces);
  const accepted = new AcceptedCount(context, 1 + producing.length);
  const contestants: Contestant[] = [];
  for (const [name, server] of running) {
    const counts = name === "tripline" || producing.some((one) => one === name);
    contestants.push(await contestant(context, { name, server, token, accepted: counts ? accepted : undefined }));
  }
  const measured = await context.measure(contestants, { roundsDefault: ROUNDS, warmUpRounds: 2 });
  await accepted.check();
  return { contestants: measured, summary: summaryOf(measured, names), notes: NOTES };
}

function summaryOf(measured: readonly Measured[], names: readonly PeerName[]): Record<string, readonly number[]> {
  const figures: Record<string, readonly number[]> = {
    cpu_us_per_request: samplesOf(measured, "tripline", "server_cpu_us_per_op"),
    p99_ms: samplesOf(measured, "tripline", "p99_ms"),
  };
  for (const name of names) {
    const figure = name === "bare" ? "hot" : name.replace("-", "_");
    figures[`${figure}_ratio`] = ratioOf(measured, "ops_per_s", "tripline", name);
    figures[`${figure}_cpu_ratio`] = ratioOf(measured, "server_cpu_us_per_op", name, "tripline");
  }
  return figures;
}

const NOTES = [
  "tripline: apps/ingestion as it is deployed: token, validation, idempotency in Valkey, acknowledged by Kafka, spans and metrics on.",
  "bare: a Fastify route with the same schema and answer and the service's own Valkey reservations and Kafka producer, but no token, telemetry or framework.",
  "empty: the same route without Kafka and Valkey: parse, validate, make the tokens, answer.",
  "express: Nest on Express, class-validator, a guard that verifies the token, one producer.send per message (kafkajs' defaults: acks of all replicas, not idempotent). express-cached: the same, but it caches valid tokens.",
  "All share one broker, one Valkey, one token and the load generator; cpu_us_per_request is the CPU time of the server's process. client_cpu_us_per_op is the load generator's and not part of cpu_us_per_op.",
  "Each connection sends its next request after the answer to the one before; latencies are measured by the client, on the same machine. A ratio above 1 means that tripline does more or takes less CPU time.",
];

/** Checks that Kafka holds all payments that were answered 202. */
class AcceptedCount {
  #answered = 0;

  /** @param before how many payments were accepted before anything is counted */
  constructor(
    private readonly context: BenchContext,
    private readonly before: number,
  ) {}

  add(count: number): void {
    this.#answered += count;
  }

  /** @throws BenchError when a payment was answered 202 that Kafka does not have */
  async check(): Promise<void> {
    const admin = await connectKafka({ brokers: await this.context.kafka(), clientId: "bench" }).admin();
    try {
      const offsets = await admin.endOffsets("transactions");
      const stored = [...offsets.values()].reduce((sum, offset) => sum + offset, 0);
      const answered = this.#answered + this.before;
      if (stored < answered) throw new BenchError(`${answered} payments were accepted, and Kafka holds ${stored}.`);
    } finally {
      await admin.close();
    }
  }
}

interface Entrant {
  readonly name: string;
  readonly server: HttpServer;
  readonly token: BenchToken;
  /** Undefined if accepted payments do not go to Kafka. */
  readonly accepted: AcceptedCount | undefined;
}

let loads = 0;

async function contestant(context: BenchContext, { name, server, token, accepted }: Entrant): Promise<Contestant> {
  const { client: redis } = await context.redis();
  return {
    name,
    meters: [processTreeCpu("server", server.pid), redisCpu(redis)],
    run: async () => {
      const client = ownCpu();
      const before = await client.readMs();
      loads += 1;
      const { requests, p50Ms, p99Ms } = await drivePayments({
        url: server.url,
        authorization: token.authorization,
        prefix: `bench-${loads}`,
        connections: CONCURRENCY,
        durationMs: roundMsOr(context, ROUND_MS),
      });
      accepted?.add(requests);
      const clientUs = ((await client.readMs()) - before) * 1_000;
      const figures = { p50_ms: p50Ms, p99_ms: p99Ms, client_cpu_us_per_op: clientUs / requests };
      return { operations: requests, figures };
    },
  };
}
