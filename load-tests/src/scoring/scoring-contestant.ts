import type { BenchContext } from "../harness/bench-context.js";
import { ownCpu, processTreeCpu } from "../harness/cpu-meter.js";
import type { Contestant } from "../harness/run-contestants.js";
import type { CallLoad } from "./drive-calls.js";
import { callEach, driveCalls } from "./drive-calls.js";
import { expectGolden, goldenRequests, makeRequests } from "./make-requests.js";
import type { BenchModel } from "./prepare-models.js";
import type { ScoringServer } from "./start-servers.js";

export const ROUND_MS = 3_000;

export interface ContestantPlan extends Partial<Pick<CallLoad, "pauseMs" | "durationMs">> {
  readonly name: string;
  readonly server: ScoringServer;
  readonly model: BenchModel;
  /** Rows per call. */
  readonly rows: number;
  readonly connections: number;
  readonly callsEach: number;
  /** Figures that are read from the server at the end of a round. */
  readonly after?: () => Promise<Readonly<Record<string, number>>>;
}

/** A server under load; an operation is a row. Its scores are first compared with the model's golden batch. */
export async function scoringContestant(context: BenchContext, plan: ContestantPlan): Promise<Contestant> {
  const { name, server, model, rows, connections, callsEach } = plan;
  expectGolden(name, model, await callEach(server.address, goldenRequests(model)));
  context.log(`  ${name} gives the scores of ${model.name}'s golden batch`);
  const messages = makeRequests(model, rows);
  return {
    name,
    meters: [processTreeCpu("server", server.pid)],
    run: async () => {
      const client = ownCpu();
      const beforeMs = await client.readMs();
      const load = { addresses: [server.address], messages, connections, callsEach, durationMs: ROUND_MS };
      const { pauseMs = 0, durationMs = ROUND_MS } = plan;
      const { calls, p50Ms, p99Ms } = await driveCalls({ ...load, pauseMs, durationMs });
      const clientUs = ((await client.readMs()) - beforeMs) * 1_000;
      return {
        operations: calls * rows,
        figures: {
          p50_ms: p50Ms,
          p99_ms: p99Ms,
          client_cpu_us_per_op: clientUs / (calls * rows),
          ...(await plan.after?.()),
        },
      };
    },
  };
}
