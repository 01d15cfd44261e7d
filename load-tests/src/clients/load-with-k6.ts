import { ROOT } from "@tripline/system/services/workspace";
import { StepLog } from "@tripline/system/step-log";
import { crossed } from "../load/judge/judge-run.js";
import { balances, ledgerLine } from "../load/judge/load-ledger.js";
import { findK6 } from "../load/k6/find-k6.js";
import { ERRORS_PERCENT_DEFAULT, LINES_DEFAULT, usersFor } from "../load/load-settings.js";
import { playLoad } from "../load/run-load.js";
import { SCENARIOS } from "../load/scenarios.js";
import type { StockClient } from "./stock-client.js";
import { attempt } from "./stock-client.js";

const SCENARIO = "smoke";
/**
 * Only responses are checked, because latency depends on the machine. The wait is shorter than k6's timeout of 15 s.
 */
const UNLIMITED = { waitSeconds: 10, p99Ms: 600_000, degradedPercent: 100 };
const RUN_MS_MAX = 120_000;

/** k6, as in `npm run load`. It fails on wrong responses, errors, and payments that are lost or decided twice. */
export const k6: StockClient = {
  tool: "k6",
  find: findK6,
  request: async ({ path }, { system, credentials, environment }) => [
    await attempt("10 requests per second of every kind, ledger clean", async () => {
      const { defaults } = SCENARIOS[SCENARIO];
      const load = { ...defaults, ...UNLIMITED, lines: LINES_DEFAULT, errorsPercent: ERRORS_PERCENT_DEFAULT };
      const { limits, ledger, wasInterrupted } = await playLoad({
        settings: { ...load, scenario: SCENARIO, vus: usersFor(SCENARIO, defaults, LINES_DEFAULT) },
        ...{ seed: 1, cards: 1_000, terminals: 500, kills: [], root: ROOT },
        target: system.apiUrl,
        kafka: system.stack.kafkaBrokers.join(","),
        environment: { ...environment, ...credentials, K6_BIN: path },
        steps: new StepLog(process.stderr),
        signal: AbortSignal.timeout(RUN_MS_MAX),
      });
      if (wasInterrupted) throw new Error(`k6 did not finish within ${RUN_MS_MAX / 1_000} s`);
      const broken = crossed(limits).map(({ metric, condition, value }) => `${metric} ${condition} was ${value}`);
      if (broken.length > 0) throw new Error(broken.join(", "));
      if (!balances(ledger) || ledger.accepted === 0) throw new Error(ledgerLine(ledger));
    }),
  ],
};
