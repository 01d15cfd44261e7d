import { join } from "node:path";
import { LocalSecurity } from "@tripline/system/services/local-security";
import {
  closedRate,
  loadContestant,
  ROUND_MS,
  SHORT_ROUND_MS,
  streamOn,
  waitSecondsOf,
  warmUp,
} from "../e2e/bench-load.js";
import { besideContext } from "../e2e/closed-contestant.js";
import { startBenchSystem } from "../e2e/system/start-system.js";
import { prepareWorld } from "../e2e/world/prepare-world.js";
import type { BenchContext } from "../harness/bench-context.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import { ratioOf } from "../harness/run-contestants.js";

const ROUNDS = 5;
/** Share of the closed-loop rate without TLS, so that both systems keep up. */
const SHARE = 0.4;

/** The whole system with TLS and access control, compared with the same system without them, at the same rate. */
export const tlsPart: BenchPart = {
  name: "tls",
  title: "the whole system with TLS 1.3 and least-privilege access vs. without them, alternating",
  run: runTls,
};

async function runTls(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  const world = await prepareWorld(context, isShort);
  const security = await LocalSecurity.make(join(context.folder, "tls"));
  const contexts = { plain: context, tls: besideContext(context, context.root, "tls-beside", security) };
  const sides = [];
  for (const [name, own] of Object.entries(contexts)) {
    const system = await startBenchSystem(own, world);
    const stream = streamOn(system, world, waitSecondsOf(context));
    await warmUp(context, system, stream);
    sides.push({ name, system, stream });
  }
  const [plain] = sides;
  const ratePerSecond = plain === undefined ? 1 : SHARE * (await closedRate(context, plain.system, plain.stream));
  const durationMs = isShort ? SHORT_ROUND_MS : ROUND_MS;
  const contestants = sides.map((side) => loadContestant({ ...side, ratePerSecond, durationMs }));
  const measured = await context.measure(contestants, { roundsDefault: isShort ? 1 : ROUNDS });
  return {
    contestants: measured,
    summary: { tls_cpu_ratio: ratioOf(measured, "cpu_us_per_op", "tls", "plain") },
    notes: [
      `CPU per decision of all services, Kafka and Valkey: with TLS vs. without, at ${SHARE} of the rate of a closed loop without TLS.`,
      "The packaged Valkey has no TLS. A Node thread terminates TLS instead and is counted as valkey_tls; a Valkey with built-in TLS uses less CPU.",
    ],
  };
}
