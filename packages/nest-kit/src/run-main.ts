import { setTimeout as delay } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { asTriplineError } from "@tripline/contracts/error-table";
import { readConfig } from "@tripline/settings/read-config";
import { createLogger } from "@tripline/telemetry/logger";
import { startProcessTelemetry } from "@tripline/telemetry/process-telemetry";
import type { z } from "zod";
import type { RunningService } from "./start-service.js";

export type { RunningService } from "./start-service.js";

/** Exit codes of sysexits.h, so that a supervisor does not have to restart a misconfigured service. */
const EXIT_CONFIG = 78;
const EXIT_FAILURE = 1;

/** The services of a process. */
export interface RunningParts {
  drain(): void;
  close(): Promise<void>;
}

/** The complete `main.ts` of a service, see `runProcess`. */
export function runMain<C extends { readonly DRAIN_SECONDS: number }>(
  name: string,
  schema: z.ZodType<C>,
  start: (config: C) => Promise<RunningService>,
): Promise<void> {
  return runProcess(name, (environment) => readConfig(schema, environment), start);
}

/**
 * Reads the configuration, starts telemetry and the service, and shuts down on SIGTERM or SIGINT. With
 * `EXIT_WITH_PARENT=1`, the process also ends when its standard input closes, so that nothing survives a killed
 * supervisor.
 */
export async function runProcess<C extends { readonly DRAIN_SECONDS: number }>(
  name: string,
  read: (environment: NodeJS.ProcessEnv) => C | Promise<C>,
  start: (config: C) => Promise<RunningParts>,
): Promise<void> {
  // Collects the young generation on one thread. A service shares its cores with others, and for these collections,
  // V8's helper threads use more CPU time than they save
  // (docs/adr/0066-what-the-functions-added-since-98bae6e-cost.md).
  setFlagsFromString("--no-parallel-scavenge");
  const log = createLogger(name, process.env.LOG_LEVEL ?? "info");
  // Before start-up completes, there is nothing to close. Without a handler, a process with id 1 in a container would
  // ignore the signal.
  let end = async (): Promise<void> => {};
  endOnSignal(() => end());
  try {
    const config = await read(process.env);
    const { OTEL_EXPORTER_OTLP_ENDPOINT: otlpEndpoint, DEPLOYMENT_ENVIRONMENT: environment } = process.env;
    const telemetry = await startProcessTelemetry({ service: name, otlpEndpoint, environment, log });
    const running = await start(config);
    end = async () => {
      running.drain();
      await delay(config.DRAIN_SECONDS * 1_000);
      await running.close();
      await telemetry.shutdown();
    };
  } catch (thrown) {
    const error = asTriplineError(thrown);
    log.fatal({ code: error.code, ...(error.code === "internal" ? { err: thrown } : {}) }, error.message);
    // A restart may succeed after `model-refused`: unlike a setting, an alias can point to another model by then.
    const isHopeless = error.row.kafka === "stop" && error.code !== "model-refused";
    process.exit(isHopeless ? EXIT_CONFIG : EXIT_FAILURE);
  }
  process.on("unhandledRejection", (reason) => {
    log.fatal({ err: reason }, "unhandled promise rejection");
    process.exit(EXIT_FAILURE);
  });
}

function endOnSignal(end: () => Promise<void>): void {
  let ending = false;
  const finish = (): void => {
    if (ending) return;
    ending = true;
    void end().then(
      () => process.exit(0),
      () => process.exit(EXIT_FAILURE),
    );
  };
  process.on("SIGTERM", finish);
  process.on("SIGINT", finish);
  if (process.env.EXIT_WITH_PARENT === "1") {
    process.stdin.resume();
    process.stdin.on("end", finish);
    process.stdin.on("error", finish);
  }
}
