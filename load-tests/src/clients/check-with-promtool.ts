import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "@tripline/system/services/workspace";
import type { StockClient } from "./stock-client.js";
import { attempt, findTool, runTool } from "./stock-client.js";

const RULES = join(ROOT, "deploy", "helm", "tripline", "files");
const OBSERVABILITY = join(ROOT, "deploy", "observability");
const FETCH_MS_MAX = 10_000;

/** Checks rules, configurations and metrics with Prometheus's own tool. */
export const promtool: StockClient = {
  tool: "promtool",
  find: (environment) => findTool(environment, { variable: "PROMTOOL_BIN", names: ["promtool"], version: "--version" }),
  request: async ({ path }, { system }) => {
    const check = async (...args: readonly string[]): Promise<void> => void (await runTool(path, ["check", ...args]));
    const rules = filesIn(RULES, /^alerts.*\.yaml$/);
    const configurations = filesIn(OBSERVABILITY, /^prometheus.*\.yaml$/);
    const pages = [...system.services.values()].map(({ plan }) =>
      attempt(`metrics of ${plan.name}`, async () => {
        const page = await fetch(`${plan.url}/metrics`, { signal: AbortSignal.timeout(FETCH_MS_MAX) });
        await runTool(path, ["check", "metrics"], { input: await page.text() });
      }),
    );
    return [
      await attempt("rules", () => check("rules", ...rules)),
      await attempt("configuration", () => check("config", "--syntax-only", ...configurations)),
      ...(await Promise.all(pages)),
    ];
  },
};

const filesIn = (folder: string, name: RegExp): readonly string[] =>
  readdirSync(folder)
    .filter((file) => name.test(file))
    .map((file) => join(folder, file));
