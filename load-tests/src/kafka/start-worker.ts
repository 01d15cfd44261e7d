import { fork } from "node:child_process";
import { join } from "node:path";
import type { WorkerAnswer, WorkerReply, WorkerRequest } from "@tripline/load-tests/peers/kafka/serve-worker";
import type { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import type { CpuMeter } from "../harness/cpu-meter.js";
import type { PeerProgram } from "../harness/require-peer.js";
import { requirePeer } from "../harness/require-peer.js";
import { profiling } from "../harness/start-server.js";

const ANSWER_MS_MAX = 120_000;
const END_MS_MAX = 10_000;

export type PeerName = "kafkajs" | "platformatic";
export type WorkerName = "tripline" | PeerName | `${PeerName} default`;

/** A Kafka client in a separate process. One request at a time. */
export interface KafkaWorker {
  /** @throws BenchError if the worker fails, ends or does not reply within two minutes */
  request(request: WorkerRequest): Promise<WorkerAnswer>;
}

/**
 * Uses the process's own clock, which counts microseconds, because in a short round, the process may use less CPU time
 * than one system tick.
 */
export function workerCpu(name: string, worker: KafkaWorker): CpuMeter {
  return { name, readMs: async () => (await worker.request({ type: "cpu" })).cpuMs };
}

const PEERS: Readonly<Record<PeerName, { readonly program: string; readonly package: string }>> = {
  kafkajs: { program: "plain-kafkajs.js", package: "kafkajs" },
  platformatic: { program: "platformatic-kafka.js", package: "@platformatic/kafka" },
};

export const PEER_PACKAGES = Object.values(PEERS).map((peer) => peer.package);

/** @throws BenchError if a peer was not built or its package is missing */
export async function requirePeers(context: BenchContext): Promise<void> {
  for (const name of ["kafkajs", "platformatic"] as const) await requirePeer(kafkaPeer(context, name));
}

function kafkaPeer(context: BenchContext, name: PeerName): PeerProgram {
  const file = join(context.root, "load-tests", "dist", "peers", "kafka", PEERS[name].program);
  return { name, file, packages: [PEERS[name].package] };
}

/** A worker's program and its arguments in addition to the brokers. */
function programOf(context: BenchContext, name: WorkerName): readonly [file: string, setting: string[]] {
  if (name === "tripline") return [join(context.root, "load-tests", "dist", "kafka", "tripline-worker.js"), []];
  if (name === "kafkajs" || name === "platformatic") return [kafkaPeer(context, name).file, ["idempotent"]];
  return [kafkaPeer(context, name === "kafkajs default" ? "kafkajs" : "platformatic").file, []];
}

export async function startWorker(context: BenchContext, name: WorkerName): Promise<KafkaWorker> {
  const brokers = (await context.kafka()).join(",");
  const [program, setting] = programOf(context, name);
  const child = fork(program, [brokers, ...setting], {
    execArgv: [...profiling(context), "--disable-warning=TimeoutNegativeWarning"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  context.defer(async () => {
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => child.kill("SIGKILL"), END_MS_MAX);
    await ended;
    clearTimeout(timer);
  });
  return {
    request: (request) =>
      new Promise((resolve, reject) => {
        const fail = (why: string) => {
          finish();
          reject(new BenchError(`The worker ${name} ${why}.`));
        };
        const onExit = () => fail("ended");
        const onMessage = (reply: WorkerReply) => {
          if ("failure" in reply) return fail(`failed: ${reply.failure}`);
          finish();
          resolve(reply);
        };
        const timer = setTimeout(() => fail(`did not answer within ${ANSWER_MS_MAX / 1_000} s`), ANSWER_MS_MAX);
        const finish = () => {
          clearTimeout(timer);
          child.off("exit", onExit).off("message", onMessage);
        };
        child.once("exit", onExit).once("message", onMessage);
        child.send(request);
      }),
  };
}
