import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { BenchContext } from "../harness/bench-context.js";
import type { PeerProgram } from "../harness/require-peer.js";
import type { HttpServer } from "../harness/start-http-server.js";
import { startHttpServer } from "../harness/start-http-server.js";
import { profiling } from "../harness/start-server.js";
import type { BenchToken } from "./issue-token.js";

const READY_MS_MAX = 60_000;

export type Peer = "bare" | "express";

const PACKAGES: Readonly<Record<Peer, readonly string[]>> = {
  bare: ["fastify", "ioredis"],
  express: ["@nestjs/platform-express", "class-validator", "class-transformer", "kafkajs", "ioredis"],
};

export function peerProgram(context: BenchContext, name: Peer): PeerProgram {
  const file = join(context.root, "load-tests", "dist", "peers", "ingestion", name, "main.js");
  return { name, file, packages: PACKAGES[name] };
}

/** All of them on the same Kafka and Valkey, with the same token and the same key. */
export class IntakeServers {
  readonly #key = randomBytes(32).toString("base64");

  constructor(
    private readonly context: BenchContext,
    private readonly token: BenchToken,
  ) {}

  /** The service as it is deployed, telemetry included. */
  service(): Promise<HttpServer> {
    return this.#start("tripline", join(this.context.root, "apps", "ingestion", "dist", "main.js"), {});
  }

  peer(peer: Peer, name: string, changes: Readonly<Record<string, string>> = {}): Promise<HttpServer> {
    return this.#start(name, peerProgram(this.context, peer).file, changes);
  }

  async #start(name: string, program: string, changes: Readonly<Record<string, string>>): Promise<HttpServer> {
    const [redis, brokers] = [await this.context.redis(), await this.context.kafka()];
    return startHttpServer(this.context, {
      name: name.replaceAll(" ", "-"),
      command: process.execPath,
      args: [...profiling(this.context), program],
      readyPath: "/health/ready",
      readyMs: READY_MS_MAX,
      environment: (port) => ({
        NODE_ENV: "production",
        PORT: String(port),
        LOG_LEVEL: "warn",
        KAFKA_BROKERS: brokers.join(","),
        REDIS_URL: redis.url,
        CARD_TOKEN_KEY: this.#key,
        RATE_LIMIT_TENANT: "0",
        RATE_LIMIT_CLIENT: "0",
        ...this.token.environment,
        ...changes,
      }),
    });
  }
}
