import { setImmediate as nextTurn } from "node:timers/promises";
import { RateLimits } from "@tripline/http/limits/rate-limits";
import { ownCpu } from "../harness/cpu-meter.js";
import type { BenchPart } from "../harness/run-benchmark.js";
import { samplesOf } from "../harness/run-contestants.js";

const ROUNDS = 7;
const REQUESTS = 100_000;
const SHORT_REQUESTS = 2_000;
/** Requests per turn of the event loop, no more than in a busy ingestion instance. */
const PER_TURN = 10;
const CALLERS = Array.from({ length: 50 }, (_, index) => ({ tenant: `t${index % 10}`, subject: `client-${index}` }));
/** High enough that nothing is rejected, but low enough that portions are fetched from Redis continuously. */
const PER_SECOND = 20_000;

/** The cost of counting a request against two budgets in Redis. */
export const limitPart: BenchPart = {
  name: "limit",
  title: "rate limits: a request counted against the budgets of its client and tenant, which instances share in Redis",
  async run(context) {
    const isShort = context.flags.short === true;
    const requests = isShort ? SHORT_REQUESTS : REQUESTS;
    const { client: redis } = await context.redis();
    const config = { RATE_LIMIT_TENANT: PER_SECOND, RATE_LIMIT_CLIENT: PER_SECOND, RATE_LIMIT_EXCEPTIONS: new Map() };
    const limits = new RateLimits(config, redis);
    const drive = async (spend: (at: number) => void) => {
      for (let at = 0; at < requests; at += 1) {
        spend(at);
        if (at % PER_TURN === 0) await nextTurn();
      }
      return { operations: requests };
    };
    const contestants = [
      {
        name: "limited",
        meters: [ownCpu()],
        run: () => drive((at) => limits.spend(CALLERS[at % CALLERS.length] ?? { tenant: "", subject: "" }, 1)),
      },
      { name: "nothing", meters: [ownCpu()], run: () => drive(() => {}) },
    ];
    const measured = await context.measure(contestants, { roundsDefault: isShort ? 1 : ROUNDS, warmUpRounds: 1 });
    const [limited, nothing] = contestants.map(({ name }) => samplesOf(measured, name, "cpu_us_per_op"));
    return {
      contestants: measured,
      summary: { limit_us: (limited ?? []).map((us, round) => us - (nothing?.[round] ?? 0)) },
      notes: ["limit_us: CPU time of the service per request, including its share of the calls to Redis."],
    };
  },
};
