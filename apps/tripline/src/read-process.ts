import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { allowedCores } from "./allowed-cores.js";
import type { ReadyPart } from "./load-part.js";
import { loadPart } from "./load-part.js";
import type { Environment } from "./part-settings.js";
import { settingsOf } from "./part-settings.js";
import type { FixedPort, Target } from "./targets.js";
import { checkCores, checkNeighbours, checkPorts, parseTargets } from "./targets.js";

/** The parts of a process, with valid settings. */
export interface ProcessPlan {
  /** In the order of `TARGETS`. */
  readonly parts: ReadonlyMap<Target, ReadyPart>;
  /** The longest drain time of all parts. */
  readonly DRAIN_SECONDS: number;
}

/**
 * Reads the settings of all parts, before any part starts.
 *
 * @param cores number of cores that the process may use
 * @throws TriplineError `config-invalid` with one sentence, or with all invalid variables of all parts
 */
export async function readProcess(environment: Environment, cores = allowedCores()): Promise<ProcessPlan> {
  const targets = parseTargets(environment.TARGETS);
  checkCores(targets, cores);
  const known = new Map(await Promise.all(targets.map(async (one) => [one, await loadPart(one, targets)] as const)));
  const settings = new Map(
    [...known].map(([target, { variables }], index) => {
      return [target, settingsOf(target, variables, environment, index === 0)] as const;
    }),
  );
  checkNeighbours(targets, (target, variable) => settings.get(target)?.[variable] !== undefined);
  setAddresses(settings);
  const parts = new Map<Target, ReadyPart>();
  const faults: string[] = [];
  for (const [target, part] of known) {
    try {
      parts.set(target, part.read(settings.get(target) ?? {}));
    } catch (thrown) {
      faults.push(`${target}: ${asTriplineError(thrown).message}`);
    }
  }
  if (faults.length > 0) throw new TriplineError("config-invalid", faults.join(" "));
  checkPorts([...parts].flatMap(([target, part]) => fixedPorts(target, part)));
  return { parts, DRAIN_SECONDS: Math.max(...[...parts.values()].map(({ config }) => config.DRAIN_SECONDS)) };
}

/** Addresses of other parts in this process that a part gets as defaults. */
const DEFAULT_ADDRESSES: readonly DefaultAddress[] = [
  {
    parts: ["control", "ingestion", "features", "console"],
    target: "auth",
    variable: "AUTH_JWKS_URL",
    path: "/oauth/jwks",
  },
  { parts: ["console"], target: "auth", variable: "AUTH_TOKEN_URL", path: "/oauth/token" },
  { parts: ["console"], target: "control", variable: "CONTROL_URL", path: "" },
  { parts: ["console"], target: "ingestion", variable: "INGESTION_URL", path: "" },
];

interface DefaultAddress {
  readonly parts: readonly Target[];
  readonly target: Target;
  readonly variable: string;
  readonly path: string;
}

/** Sets unset addresses of parts with a fixed port. Features checks tokens only if it has AUTH_ISSUER. */
function setAddresses(settings: ReadonlyMap<Target, Record<string, string | undefined>>): void {
  for (const { parts, target, variable, path } of DEFAULT_ADDRESSES) {
    const { PORT: port, HTTP_CERT_FILE: certificate } = settings.get(target) ?? {};
    if (port === undefined || port === "0") continue;
    for (const part of parts) {
      const own = settings.get(part);
      if (own?.AUTH_ISSUER === undefined) continue;
      own[variable] ??= `${certificate === undefined ? "http" : "https"}://127.0.0.1:${port}${path}`;
    }
  }
}

function fixedPorts(target: Target, { config }: ReadyPart): FixedPort[] {
  return (["PORT", "METRICS_PORT", "GRPC_PORT"] as const).flatMap((variable) => {
    const port = config[variable];
    return port === undefined ? [] : [{ target, variable, port }];
  });
}
