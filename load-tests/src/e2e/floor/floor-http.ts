import { fileURLToPath } from "node:url";
import type { BenchContext } from "../../harness/bench-context.js";
import { processTreeCpu } from "../../harness/cpu-meter.js";
import type { Contestant } from "../../harness/run-contestants.js";
import { percentile } from "../../harness/spread.js";
import { startHttpServer } from "../../harness/start-http-server.js";
import { driveArrivals } from "../arrivals/drive-arrivals.js";
import { PaymentStream } from "../arrivals/payment-stream.js";
import { CLOSED_CONNECTIONS, requireHealthy } from "../bench-load.js";
import type { World } from "../world/prepare-world.js";

const READY_MS_MAX = 30_000;

/** The least that an HTTP server can do for a payment (`floor-server.ts`), in its own process. */
export interface FloorServer {
  readonly port: number;
  readonly pid: number;
  readonly stream: PaymentStream;
}

export async function startFloorServer(context: BenchContext, world: World): Promise<FloorServer> {
  const script = fileURLToPath(new URL("./floor-server.js", import.meta.url));
  const { url, pid } = await startHttpServer(context, {
    name: "floor-http",
    command: process.execPath,
    args: (port) => [script, String(port)],
    readyPath: "/",
    readyMs: READY_MS_MAX,
    environment: () => ({}),
  });
  const { host, port } = new URL(url);
  // A token of the usual length, which the server does not check.
  const authorization = `Bearer ${"x".repeat(600)}`;
  const stream = new PaymentStream(world, { host, authorization, waitSeconds: 5, idPrefix: "floor-" });
  return { port: Number(port), pid, stream };
}

export interface FloorLoad {
  readonly name: string;
  readonly requests: number;
  /** Requests a second; default: as fast as they are answered. */
  readonly ratePerSecond?: number;
}

/** The floor server under load; only its own CPU time counts. */
export function askFloor(server: FloorServer, { name, requests: count, ratePerSecond = 0 }: FloorLoad): Contestant {
  const requests = server.stream.take(count);
  return {
    name,
    meters: [processTreeCpu("server", server.pid)],
    async run() {
      const load = { port: server.port, requests, ratePerSecond, connectionsMax: CLOSED_CONNECTIONS };
      const figures = await driveArrivals(load);
      requireHealthy(figures);
      return { operations: figures.decided, figures: { p99_ms: percentile(figures.latenciesMs, 0.99) } };
    },
  };
}
