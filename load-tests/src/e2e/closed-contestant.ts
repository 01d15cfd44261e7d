import { join } from "node:path";
import type { LocalSecurity } from "@tripline/system/services/local-security";
import { BenchContext } from "../harness/bench-context.js";
import { ownCpu, processTreeCpu } from "../harness/cpu-meter.js";
import type { Contestant } from "../harness/run-contestants.js";
import { driveArrivals } from "./arrivals/drive-arrivals.js";
import type { RequestSource } from "./arrivals/payment-stream.js";
import { CLOSED_CONNECTIONS, latenciesOf, requireHealthy } from "./bench-load.js";
import { residentMb } from "./system/read-services.js";

/** Payments per round. The number in flight is constant until the end. */
const ROUND_PAYMENTS = 4_000;
const SHORT_ROUND_PAYMENTS = 500;
const US_PER_MS = 1_000;

export interface ClosedPlan {
  readonly name: string;
  readonly port: number;
  readonly pids: ReadonlyMap<string, number>;
  readonly stream: RequestSource;
  readonly isShort: boolean;
}

/** A system under a closed load, in which the next payment follows each response, to compare systems at their limit. */
export function closedContestant({ name, port, pids, stream, isShort }: ClosedPlan): Contestant {
  let requests: ReturnType<RequestSource["take"]> = [];
  return {
    name,
    meters: [...pids].map(([process, pid]) => processTreeCpu(process, pid)),
    async prepare() {
      requests = stream.take(isShort ? SHORT_ROUND_PAYMENTS : ROUND_PAYMENTS);
    },
    async run() {
      const generator = ownCpu();
      const beforeMs = await generator.readMs();
      const load = { port, requests, ratePerSecond: 0, connectionsMax: CLOSED_CONNECTIONS };
      const figures = await driveArrivals(load);
      requireHealthy(figures);
      const operations = figures.decided + figures.degraded;
      const memory = [...pids].map(([process, pid]) => [`${process}_rss_mb`, residentMb(pid)] as const);
      return {
        operations,
        figures: {
          ...latenciesOf(figures),
          generator_us_per_op: (((await generator.readMs()) - beforeMs) * US_PER_MS) / operations,
          ...Object.fromEntries(memory),
        },
      };
    },
  };
}

/** A context for more servers in the same run, with their own Kafka and Valkey. */
export function besideContext(
  context: BenchContext,
  root: string,
  name = "beside",
  security?: LocalSecurity,
): BenchContext {
  const { folder, flags, log } = context;
  const beside = new BenchContext({ root, results: join(folder, name), rounds: undefined, flags, log, security });
  context.defer(() => beside.close());
  return beside;
}
