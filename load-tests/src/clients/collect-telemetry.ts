import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import { ManagedProcess } from "@tripline/local-stack/processes/managed-process";
import { ROOT } from "@tripline/system/services/workspace";
import { z } from "zod";
import type { Collected } from "./read-collected.js";
import { readCollected } from "./read-collected.js";
import type { FoundTool, Outcome } from "./stock-client.js";
import { attempt, expectSame, findTool } from "./stock-client.js";

const ENVIRONMENT = "stock-clients";
/** The services on a payment's path. */
const ON_THE_WAY = ["decisions", "features", "ingestion", "scoring"];
const READY_MS = 30_000;
const STOP_MS = 20_000;
const ANSWER_MS_MAX = 2_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** An OpenTelemetry collector, of any distribution, that prints what it receives. */
export interface RunningCollector {
  /** Environment of services that send to it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Stops it after the services have sent their last data. */
  outcomes(services: readonly string[]): Promise<Outcome[]>;
  stop(): Promise<void>;
}

export const findCollector = (environment: NodeJS.ProcessEnv): Promise<FoundTool> =>
  findTool(environment, {
    variable: "OTELCOL_BIN",
    names: ["otelcol-contrib", "otelcol", "otelcorecol"],
    version: "--version",
  });

export async function startCollector({ path }: FoundTool, folder: string): Promise<RunningCollector> {
  const [port = 0] = await findFreePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const file = join(folder, "collector.json");
  await writeFile(file, JSON.stringify(configuration(port)));
  const collector = new ManagedProcess({
    name: "collector",
    title: "The OpenTelemetry collector",
    directory: folder,
    command: path,
    args: ["--config", file],
    cwd: folder,
    port,
    stopSignal: "SIGTERM",
    stopMs: STOP_MS,
    readyMs: READY_MS,
    isReady: () => isReady(url),
  });
  await collector.start();
  const stop = () => collector.stop();
  return {
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_RESOURCE_ATTRIBUTES: `deployment.environment.name=${ENVIRONMENT}`,
    },
    async outcomes(services) {
      await stop();
      return judge(readCollected(readFileSync(join(folder, "logs", "collector.log"), "utf8")), services);
    },
    stop,
  };
}

/** The collector's configuration, written as JSON, because JSON is also YAML. */
function configuration(port: number): object {
  const pipeline = { receivers: ["otlp"], exporters: ["debug"] };
  return {
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
    exporters: { debug: { verbosity: "detailed" } },
    service: {
      pipelines: { traces: pipeline, logs: pipeline, metrics: pipeline },
      telemetry: { metrics: { level: "none" } },
    },
  };
}

async function isReady(url: string): Promise<boolean> {
  const headers = { "content-type": "application/json" };
  const signal = AbortSignal.timeout(ANSWER_MS_MAX);
  return fetch(`${url}/v1/traces`, { method: "POST", headers, body: "{}", signal }).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function judge(collected: readonly Collected[], services: readonly string[]): Promise<Outcome[]> {
  const nameOf = ({ resource }: Collected) => resource["service.name"] ?? "";
  const namesOf = (some: readonly Collected[]) => [...new Set(some.map(nameOf))].sort();
  return [
    await attempt("spans of a payment: one trace through four services", () => {
      const spans = collected.filter(({ signal }) => signal === "spans");
      const traces = new Set(spans.flatMap(({ traceIds }) => traceIds));
      const passed = [...traces].map((id) => namesOf(spans.filter(({ traceIds }) => traceIds.includes(id))));
      const whole = passed.filter((names) => ON_THE_WAY.every((name) => names.includes(name)));
      if (whole.length === 0) throw new Error(`none of ${traces.size} traces has spans of ${ON_THE_WAY.join(", ")}`);
    }),
    await attempt("log lines of every service", () => {
      const logs = collected.filter(({ signal }) => signal === "logs");
      expectSame("services", namesOf(logs), [...services].sort());
    }),
    await attempt("resource: name, version, instance and environment", () => {
      const version = releaseVersion();
      for (const { resource } of collected) {
        const { "service.name": name, "service.version": release, "service.instance.id": instance = "" } = resource;
        const environment = resource["deployment.environment.name"];
        expectSame(`resource of ${name}`, [release, UUID.test(instance), environment], [version, true, ENVIRONMENT]);
      }
      const instances = new Set(collected.map(({ resource }) => resource["service.instance.id"]));
      expectSame("instances", instances.size, services.length);
    }),
  ];
}

const releaseVersion = (): string =>
  z.object({ version: z.string() }).parse(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"))).version;
