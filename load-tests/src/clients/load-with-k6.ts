import { join } from "node:path";
import { ROOT } from "@tripline/system/services/workspace";
import { findK6 } from "../load/k6/find-k6.js";
import type { StockClient } from "./stock-client.js";
import { attempt, runTool } from "./stock-client.js";

const LOAD = join(ROOT, "load-tests", "dist", "load", "main.js");

/** k6, by `npm run load`, which holds what it sent against what was decided. */
export const k6: StockClient = {
  tool: "k6",
  find: findK6,
  ask: async ({ path }, { system, credentials, environment }) => [
    await attempt("10 requests per second of every kind, ledger clean", async () => {
      const target = ["--target", system.apiUrl, "--kafka", system.stack.kafkaBrokers.join(",")];
      const told = { ...environment, ...credentials, K6_BIN: path };
      await runTool(process.execPath, [LOAD, "smoke", ...target], { environment: told });
    }),
  ],
};
