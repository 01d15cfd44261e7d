import { fork } from "node:child_process";
import { join } from "node:path";
import type { WorkerAnswer, WorkerReply, WorkerRequest } from "@tripline/load-tests/peers/kafka/serve-worker";
import type { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import type { CpuMeter } from "../harness/cpu-meter.js";
import type { PeerProgram } from "../harness/require-peer.js";
import { profiling } from "../harness/start-server.js";

const ANSWER_MS_MAX = 120_000;
const END_MS_MAX = 10_000;

export type WorkerName = "tripline" | "kafkajs" | "kafkajs default";

/** A client of Kafka in a process of its own. One request at a time. */
export interface KafkaWorker {
  /** @throws BenchError when the worker fails, ends or does not answer within two minutes */
  ask(request: WorkerRequest): Promise<WorkerAnswer>;
}

/** By its own clock, which tells microseconds: in a short round a process may need less than a tick of the system. */
export function workerCpu(name: string, worker: KafkaWorker): CpuMeter {
  return { name, readMs: async () => (await worker.ask({ type: "cpu" })).cpuMs };
}

export function kafkaPeer(context: BenchContext): PeerProgram {
  const file = join(context.root, "load-tests", "dist", "peers", "kafka", "plain-kafkajs.js");
  return { name: "kafkajs", file, packages: ["kafkajs"] };
}

export async function startWorker(context: BenchContext, name: WorkerName): Promise<KafkaWorker> {
  const brokers = (await context.kafka()).join(",");
  const ours = join(context.root, "load-tests", "dist", "kafka", "tripline-worker.js");
  const program = name === "tripline" ? ours : kafkaPeer(context).file;
  const child = fork(program, name === "kafkajs" ? [brokers, "idempotent"] : [brokers], {
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
    ask: (request) =>
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
