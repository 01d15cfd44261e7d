import type { BenchContext } from "../harness/bench-context.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import { ratioOf } from "../harness/run-contestants.js";
import { askFloor, startFloorServer } from "./floor/floor-http.js";
import { prepareWorld } from "./world/prepare-world.js";

const ROUNDS = 5;
const PACKED_REQUESTS = 20_000;
const SECONDS = 4;
const SHORT_REQUESTS = 200;
/** About a tenth and a half of what the whole system decides on two cores. */
const RATES_PER_SECOND = [400, 2_000] as const;

/**
 * What the same work costs on this machine when it comes a little at a time. A process that sleeps between two requests
 * pays for waking up, and its code and data are no longer in the processor's caches. This ratio, of a server that does
 * next to nothing, is a lower bound for any system of several processes at a low rate.
 */
export const sparsePart: BenchPart = {
  name: "sparse",
  title: "a bare HTTP server at full speed and at low rates: what the same request costs",
  run: runSparse,
};

async function runSparse(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  const world = await prepareWorld(context, isShort);
  const server = await startFloorServer(context, world);
  const packed = askFloor(server, { name: "packed", requests: isShort ? SHORT_REQUESTS : PACKED_REQUESTS });
  const sparse = RATES_PER_SECOND.map((ratePerSecond) => {
    const requests = isShort ? SHORT_REQUESTS : ratePerSecond * SECONDS;
    return askFloor(server, { name: `${ratePerSecond} a second`, requests, ratePerSecond });
  });
  const measured = await context.measure([packed, ...sparse], {
    roundsDefault: isShort ? 1 : ROUNDS,
    warmUpRounds: isShort ? 0 : 1,
  });
  return {
    contestants: measured,
    summary: {
      sparse_ratio: ratioOf(measured, "cpu_us_per_op", `${RATES_PER_SECOND[0]} a second`, "packed"),
      half_sparse_ratio: ratioOf(measured, "cpu_us_per_op", `${RATES_PER_SECOND[1]} a second`, "packed"),
    },
    notes: ["CPU of the server alone, by the operating system, without the load generator."],
  };
}
