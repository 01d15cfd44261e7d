import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import { findProgram } from "@tripline/local-stack/processes/find-program";
import { ManagedProcess } from "@tripline/local-stack/processes/managed-process";
import { ROOT } from "@tripline/system/services/workspace";
import { parse, stringify } from "yaml";
import { z } from "zod";
import type { Receivers } from "./receive-messages.js";

const FILES = join(ROOT, "deploy", "helm", "tripline", "files");
const PROMETHEUS = join(ROOT, "deploy", "observability", "prometheus.yaml");
const READY_MS = 30_000;
const STOP_MS = 10_000;
const ANSWER_MS_MAX = 5_000;

export interface MonitoredService {
  readonly name: string;
  readonly url: string;
}

export interface Monitoring {
  readonly prometheusUrl: string;
  stop(): Promise<void>;
}

interface Program {
  readonly name: "prometheus" | "alertmanager";
  readonly path: string;
}

/** @throws Error in one sentence if they are not installed */
export async function findMonitoring(environment: NodeJS.ProcessEnv): Promise<readonly [Program, Program]> {
  const find = async (name: Program["name"], names: readonly string[]): Promise<Program> => {
    const path = environment[`${name.toUpperCase()}_BIN`] || (await findProgram(names, environment.PATH));
    if (path !== undefined) return { name, path };
    const variable = `${name.toUpperCase()}_BIN`;
    throw new Error(
      `${name} is not on the PATH, nor named in ${variable}: install Debian's packages prometheus and prometheus-alertmanager, or a release from prometheus.io.`,
    );
  };
  return [
    await find("prometheus", ["prometheus"]),
    await find("alertmanager", ["alertmanager", "prometheus-alertmanager"]),
  ];
}

/** Starts both in an empty folder, with the configuration from Compose except for addresses and receivers. */
export async function startMonitoring(
  [prometheus, alertmanager]: readonly [Program, Program],
  folder: string,
  services: readonly MonitoredService[],
  receivers: Pick<Receivers, "smtp" | "webhook">,
): Promise<Monitoring> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const [port = 0, alertmanagerPort = 0] = await findFreePorts(2);
  const write = (name: string, content: unknown): string => {
    const file = join(folder, `${name}.yaml`);
    writeFileSync(file, stringify(content));
    return file;
  };
  const started = [
    serverOf(alertmanager, folder, alertmanagerPort, [
      `--config.file=${write("alertmanager", alertmanagerConfig(receivers))}`,
      `--storage.path=${join(folder, "alertmanager")}`,
      "--cluster.listen-address=",
    ]),
    serverOf(prometheus, folder, port, [
      `--config.file=${write("prometheus", prometheusConfig(services, `127.0.0.1:${alertmanagerPort}`))}`,
      `--storage.tsdb.path=${join(folder, "prometheus")}`,
    ]),
  ];
  const stop = async (): Promise<void> => void (await Promise.all(started.map((server) => server.stop())));
  try {
    for (const server of started) await server.start();
  } catch (error) {
    await stop();
    throw error;
  }
  return { prometheusUrl: `http://127.0.0.1:${port}`, stop };
}

function serverOf({ name, path }: Program, folder: string, port: number, args: readonly string[]): ManagedProcess {
  const address = `127.0.0.1:${port}`;
  return new ManagedProcess({
    name,
    title: name,
    directory: folder,
    command: path,
    args: [...args, `--web.listen-address=${address}`],
    cwd: folder,
    port,
    stopSignal: "SIGTERM",
    stopMs: STOP_MS,
    readyMs: READY_MS,
    isReady: () =>
      fetch(`http://${address}/-/ready`, { signal: AbortSignal.timeout(ANSWER_MS_MAX) }).then(
        ({ ok }) => ok,
        () => false,
      ),
  });
}

const prometheusFile = z.looseObject({ global: z.unknown() });
const alertmanagerFile = z.looseObject({ route: z.unknown(), inhibit_rules: z.unknown() });

const read = (file: string): unknown => parse(readFileSync(file, "utf8"));

function prometheusConfig(services: readonly MonitoredService[], alertmanager: string): object {
  return {
    ...prometheusFile.parse(read(PROMETHEUS)),
    // Omits alerts-gone.yaml, because not every service runs.
    rule_files: [join(FILES, "alerts.yaml")],
    alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanager] }] }] },
    scrape_configs: services.map(({ name, url }) => ({
      job_name: `tripline-${name}`,
      static_configs: [{ targets: [new URL(url).host] }],
    })),
  };
}

function alertmanagerConfig({ smtp, webhook }: Pick<Receivers, "smtp" | "webhook">): object {
  return {
    ...alertmanagerFile.parse(read(join(FILES, "alertmanager.yaml"))),
    templates: [join(FILES, "alertmanager.tmpl")],
    global: { smtp_smarthost: smtp, smtp_from: "alerts@tripline.invalid", smtp_require_tls: false },
    receivers: [
      {
        name: "page",
        email_configs: [{ to: "on-call@tripline.invalid", send_resolved: true }],
        webhook_configs: [{ url: webhook }],
      },
      { name: "ticket" },
    ],
  };
}
