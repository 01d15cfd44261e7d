import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { LocalStack } from "@tripline/local-stack/servers/start-stack";
import { startStack } from "@tripline/local-stack/servers/start-stack";
import { SETUP_USER } from "@tripline/system/access/access-rules";
import type { LocalSecurity } from "@tripline/system/services/local-security";
import { Redis } from "ioredis";
import { runFolder, SERVER_FOLDERS } from "./clear-leftovers.js";
import type { CpuMeter } from "./cpu-meter.js";
import type { CpuProfile, Stretch } from "./result/summarise-profile.js";
import { monotonicUs, profileThisProcess } from "./result/summarise-profile.js";
import type { Contestant, Measured } from "./run-contestants.js";
import { runContestants } from "./run-contestants.js";
import { printNumber } from "./spread.js";

export interface ContextOptions {
  /** The repository's root. */
  readonly root: string;
  /** Folder for results, which also contains the folder of the run. */
  readonly results: string;
  /** If undefined, each part has its own default. */
  readonly rounds: number | undefined;
  /** Folder for CPU profiles; undefined for none. */
  readonly profiles?: string | undefined;
  /** The benchmark's own options, as parsed by commander. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** Logs progress, one line at a time. */
  readonly log: (line: string) => void;
  /** If set, Kafka, Valkey and Postgres use TLS, and each service has its own identity. */
  readonly security?: LocalSecurity | undefined;
}

/** The Valkey server that only this part uses. */
export interface BenchRedis {
  readonly url: string;
  readonly port: number;
  readonly client: Redis;
}

/** The context of a part: rounds, a folder, servers, and clean-up at its end. */
export class BenchContext {
  readonly root: string;
  readonly flags: Readonly<Record<string, unknown>>;
  readonly log: (line: string) => void;
  readonly security: LocalSecurity | undefined;
  /** Folder for CPU profiles of servers that can write them; undefined for none. */
  readonly profiles: string | undefined;
  /** Time ranges of the measurements. */
  readonly stretches: Stretch[] = [];
  readonly versions: Record<string, string> = { node: process.version };
  /** Folder of this run, emptied after every part. */
  readonly folder: string;
  readonly #rounds: number | undefined;
  readonly #cleanups: (() => Promise<unknown> | undefined)[] = [];
  #stack: Promise<LocalStack> | undefined;
  #redis: Promise<BenchRedis> | undefined;
  #kafka: Promise<string[]> | undefined;
  #shared: Promise<unknown> | undefined;

  constructor({ root, results, rounds, flags, log, profiles, security }: ContextOptions) {
    this.root = root;
    this.security = security;
    this.profiles = profiles;
    this.flags = flags;
    this.log = log;
    this.folder = runFolder(results, process.pid);
    this.#rounds = rounds;
  }

  /** Number of rounds. */
  roundsOr(roundsDefault: number): number {
    return this.#rounds ?? roundsDefault;
  }

  /** Alternates between contestants for the requested number of rounds or `roundsDefault`, and logs each round. */
  async measure(
    contestants: readonly Contestant[],
    options: { roundsDefault: number; warmUpRounds?: number },
  ): Promise<Measured[]> {
    const profile = this.profiles === undefined ? undefined : await profileThisProcess();
    const fromUs = monotonicUs();
    const measured = await runContestants(contestants, {
      rounds: this.roundsOr(options.roundsDefault),
      warmUpRounds: options.warmUpRounds ?? 0,
      onRound: ({ round, name, sample }) => {
        const [wallMs = 0, rate = 0] = [sample.wall_ms, sample.ops_per_s];
        this.log(`  round ${round + 1} ${name}: ${printNumber(wallMs)} ms, ${printNumber(rate)} per second`);
      },
    });
    this.stretches.push({ fromUs, toUs: monotonicUs() });
    if (profile !== undefined) await this.#keepProfile(await profile.stop());
    return measured;
  }

  async #keepProfile(profile: CpuProfile): Promise<void> {
    const folder = this.profiles ?? "";
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `bench-${Date.now()}.cpuprofile`), JSON.stringify(profile));
  }

  /** Runs at the end of the part, even on failure. The last one registered runs first. */
  defer(cleanup: () => Promise<unknown> | undefined): void {
    this.#cleanups.push(cleanup);
  }

  /** Starts the system that parts with `sharesSystem` share; with --short, only once. */
  share<T>(start: () => Promise<T>): Promise<T> {
    if (this.flags.short !== true) return start();
    this.#shared ??= start();
    return this.#shared as Promise<T>;
  }

  /** An empty Valkey on a free port. */
  redis(): Promise<BenchRedis> {
    this.#redis ??= this.#startRedis();
    return this.#redis;
  }

  /** A Kafka on a free port, with Tripline's topics. @returns its brokers */
  kafka(): Promise<string[]> {
    this.#kafka ??= this.#startKafka();
    return this.#kafka;
  }

  /** The TLS proxy for that Valkey, which does not support TLS. Undefined without TLS. */
  redisTlsMeter(): CpuMeter | undefined {
    if (this.security === undefined) return undefined;
    return { name: "valkey_tls", readMs: async () => (await this.#openStack()).redisTlsCpuMs() };
  }

  async #startKafka(): Promise<string[]> {
    const stack = await this.#openStack();
    await stack.kafka.start();
    const tls = this.security === undefined ? {} : { security: { tls: this.security.kafkaTls(SETUP_USER) } };
    const admin = await connectKafka({ brokers: stack.kafkaBrokers, clientId: "bench", ...tls }).admin();
    await admin.ensureTopics();
    await admin.close();
    return stack.kafkaBrokers;
  }

  async #startRedis(): Promise<BenchRedis> {
    const stack = await this.#openStack();
    await stack.redis.start();
    const client = new Redis(stack.redisUrl);
    this.defer(async () => client.disconnect());
    const info = await client.info("server");
    this.versions.valkey =
      /^valkey_version:(\S+)/m.exec(info)?.[1] ?? /^redis_version:(\S+)/m.exec(info)?.[1] ?? "unknown";
    return { url: stack.redisUrl, port: Number(new URL(stack.redisUrl).port), client };
  }

  #openStack(): Promise<LocalStack> {
    this.#stack ??= mkdir(this.folder, { recursive: true }).then(async () => {
      const secure = this.security === undefined ? {} : { security: this.security.stack };
      const stack = await startStack({ directory: join(this.folder, SERVER_FOLDERS.stack), parts: [], ...secure });
      this.defer(() => stack.stop());
      return stack;
    });
    return this.#stack;
  }

  /** Stops everything that was started, in reverse order. Servers that are requested later are started again. */
  async close(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).reverse()) {
      await Promise.resolve(cleanup()).catch((error: unknown) => this.log(`could not clean up: ${error}`));
    }
    this.#stack = undefined;
    this.#redis = undefined;
    this.#kafka = undefined;
    this.#shared = undefined;
    await rm(this.folder, { recursive: true, force: true });
  }
}
