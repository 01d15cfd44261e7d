import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import { ratioOf } from "../harness/run-contestants.js";
import { PaymentStream } from "./arrivals/payment-stream.js";
import { CLOSED_CONNECTIONS, sharedSystem, streamOn } from "./bench-load.js";
import { besideContext, closedContestant } from "./closed-contestant.js";
import { startTextbook } from "./system/start-textbook.js";
import { prepareWorld } from "./world/prepare-world.js";

const ROUNDS = 5;
const WARM_UP_ROUNDS = 5;
/** Long enough that callers do not give up, so that a slow build shows its latency. */
const WAIT_SECONDS = 30;

/** The system compared with a textbook build of the same path. */
export const textbookPart: BenchPart = {
  name: "textbook",
  title: `the system compared with load-tests/textbook, ${CLOSED_CONNECTIONS} payments in flight`,
  sharesSystem: true,
  async check() {
    const entry = fileURLToPath(new URL("../textbook/front/main.js", import.meta.url));
    if (!existsSync(entry)) throw new BenchError("The textbook build is missing; build load-tests with `npx tsc -b`.");
  },
  run: runTextbook,
};

async function runTextbook(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  const world = await prepareWorld(context, isShort);
  const system = await sharedSystem(context, world);
  const textbook = await startTextbook(besideContext(context, context.root), world);
  const options = { host: `127.0.0.1:${textbook.port}`, waitSeconds: WAIT_SECONDS, idPrefix: "book-" };
  const stream = new PaymentStream(world, { ...options, authorization: textbook.authorization });
  const contestants = [
    closedContestant({ name: "tripline", ...system, stream: streamOn(system, world, WAIT_SECONDS), isShort }),
    closedContestant({ name: "textbook", ...textbook, stream, isShort }),
  ];
  const warmUpRounds = isShort ? 1 : WARM_UP_ROUNDS;
  const measured = await context.measure(contestants, { roundsDefault: isShort ? 1 : ROUNDS, warmUpRounds });
  return {
    contestants: measured,
    summary: {
      textbook_ratio: ratioOf(measured, "ops_per_s", "tripline", "textbook"),
      textbook_cpu_ratio: ratioOf(measured, "cpu_us_per_op", "textbook", "tripline"),
    },
    notes: [
      "textbook_ratio: decisions per second, tripline divided by textbook; textbook_cpu_ratio: CPU time of a decision, textbook divided by tripline.",
      "The textbook begins with empty windows and computes fewer features; see load-tests/textbook/README.md.",
    ],
  };
}
