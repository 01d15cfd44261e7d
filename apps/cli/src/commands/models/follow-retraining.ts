import { once } from "node:events";
import { createServer } from "node:http";
import type { RetrainOptions } from "@tripline/model-loop/retraining/retrain";
import type { FollowedTraining } from "@tripline/model-loop/training-worker/follow-training";
import { followTraining } from "@tripline/model-loop/training-worker/follow-training";
import { kafkaFrom, tokensFrom } from "@tripline/system/client/connect-system";
import { ControlClient } from "@tripline/system/client/control-client";
import { RolloutClient } from "@tripline/system/client/rollout-client";
import { endOnSignal } from "@tripline/system/end-on-signal";
import { createLogger } from "@tripline/telemetry/logger";
import { startProcessTelemetry } from "@tripline/telemetry/process-telemetry";
import { serveMetrics } from "@tripline/telemetry/write-metrics";
import type { Command } from "commander";
import { InvalidArgumentError, Option } from "commander";
import { kafkaEnvironment } from "../lake-options.js";
import { wholeNumber } from "../number-options.js";
import { durationMs } from "../parse-duration.js";

export interface FollowFlags {
  readonly kafka?: string;
  readonly topicPrefix?: string;
  readonly control?: string;
  readonly tokenUrl?: string;
  readonly everyDays: number;
  readonly retryDays: number;
  readonly lookEvery: number;
  readonly shadowTime?: number;
  readonly stepTime?: number;
}

const MS_PER_S = 1_000;

/** Additional options of `retrain --follow`, as flags or variables. */
export function withFollowing(command: Command): Command {
  const option = (flags: string, description: string, variable: string): Option =>
    new Option(flags, `with --follow: ${description}`).env(variable);
  return command
    .addOption(new Option("--control <url>", "the control plane that rolls out better models").env("CONTROL_URL"))
    .addOption(new Option("--token-url <url>", "auth's token endpoint").env("TOKEN_URL"))
    .addOption(
      option("--every-days <count>", "days of new labels that start a retraining", "RETRAIN_EVERY_DAYS")
        .argParser(wholeNumber)
        .default(28),
    )
    .addOption(
      option("--retry-days <count>", "days between retrainings while a drift continues", "RETRAIN_RETRY_DAYS")
        .argParser(wholeNumber)
        .default(7),
    )
    .addOption(
      option("--look-every <duration>", "interval between checks of the lake", "RETRAIN_LOOK_EVERY")
        .argParser(parseDuration)
        .default(durationMs("5m"), "5m"),
    )
    .addOption(
      option("--shadow-time <duration>", "minimum shadow time of a challenger", "ROLLOUT_SHADOW_TIME").argParser(
        parseDuration,
      ),
    )
    .addOption(
      option("--step-time <duration>", "minimum time of each canary step", "ROLLOUT_STEP_TIME").argParser(
        parseDuration,
      ),
    )
    .addHelpText(
      "after",
      "\nWith --follow, set CLIENT_ID and CLIENT_SECRET to a client with models:read and models:write.\nOtherwise, models are not " +
        "rolled out automatically. /health is served on PORT, and /metrics on METRICS_PORT.",
    );
}

/**
 * `tripline retrain --follow`: runs until it is terminated. @throws TriplineError or Error in one sentence at startup
 */
export async function followRetraining(options: RetrainOptions, flags: FollowFlags): Promise<void> {
  const { output: _, ...retrain } = options;
  const environment = process.env;
  const { OTEL_EXPORTER_OTLP_ENDPOINT: otlpEndpoint, DEPLOYMENT_ENVIRONMENT: deployment } = environment;
  const telemetry = await startProcessTelemetry({ service: "training", otlpEndpoint, environment: deployment });
  const logger = createLogger("training", environment.LOG_LEVEL ?? "info");
  const { signal } = endOnSignal();
  const control = controlFrom(environment, flags);
  const seconds = (ms: number): number => Math.round(ms / MS_PER_S);
  const followed = await followTraining({
    retrain,
    logger,
    signal,
    lookMs: flags.lookEvery,
    kafka: kafkaFrom(kafkaEnvironment(flags)).kafka,
    times: { everyDays: flags.everyDays, retryDays: flags.retryDays },
    rolloutPlan: {
      ...(flags.shadowTime === undefined ? {} : { shadow_seconds: seconds(flags.shadowTime) }),
      ...(flags.stepTime === undefined ? {} : { step_seconds: seconds(flags.stepTime) }),
    },
    ...(control === undefined
      ? {}
      : {
          rollouts: new RolloutClient(control),
          async report(facts: object) {
            await control.call("PUT", "/v1/jobs/training", { body: facts });
          },
        }),
  });
  const servers = [
    await serveHealth(followed, environment.PORT),
    environment.METRICS_PORT === undefined
      ? undefined
      : await listen(createServer(serveMetrics), environment.METRICS_PORT),
  ];
  logger.info(
    { lake: retrain.lake, rolls_out: control !== undefined },
    "the training worker monitors drift and labels",
  );
  await followed.ended;
  for (const server of servers) server?.close();
  await telemetry.shutdown();
}

/** Undefined without credentials. */
export function controlFrom(
  environment: NodeJS.ProcessEnv,
  { control, tokenUrl }: FollowFlags,
): ControlClient | undefined {
  if (control === undefined || tokenUrl === undefined || environment.CLIENT_ID === undefined) return undefined;
  return new ControlClient(control.replace(/\/$/, ""), tokensFrom(environment, tokenUrl));
}

/**
 * Serves the health endpoints that every service has, for orchestrators: live while it responds, ready unless it has a
 * fault.
 */
async function serveHealth(followed: FollowedTraining, port: string | undefined) {
  if (port === undefined) return undefined;
  const server = createServer((request, response) => {
    const fault = request.url === "/health/ready" ? followed.fault() : undefined;
    response.writeHead(fault === undefined ? 200 : 503, { "content-type": "application/json" });
    response.end(JSON.stringify(fault === undefined ? { status: "ok" } : { status: "error", detail: fault }));
  });
  return listen(server, port);
}

async function listen(server: ReturnType<typeof createServer>, port: string) {
  server.listen(Number(port), process.env.HOST);
  await once(server, "listening");
  return server;
}

function parseDuration(text: string): number {
  try {
    return durationMs(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}
