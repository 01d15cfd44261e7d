import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { allowedCores } from "./allowed-cores.js";
import type { ReadyPart } from "./load-part.js";
import { loadPart } from "./load-part.js";
import type { Environment } from "./part-settings.js";
import { settingsOf } from "./part-settings.js";
import type { FixedPort, Target } from "./targets.js";
import { checkCores, checkNeighbours, checkPorts, parseTargets } from "./targets.js";

/** What a process is to run, with valid settings. */
export interface ProcessPlan {
  /** In the order of `TARGETS`. */
  readonly parts: ReadonlyMap<Target, ReadyPart>;
  /** The longest of the parts. */
  readonly DRAIN_SECONDS: number;
}

/**
 * The settings of every part, before any of them starts.
 *
 * @param cores that the process may use
 * @throws TriplineError `config-invalid` with one sentence, or with all wrong variables of all parts
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
  tellWhereAuthIs(settings);
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

/** Who checks tokens gets the keys of the auth of this process, unless an address is given or its port is not fixed. */
function tellWhereAuthIs(settings: ReadonlyMap<Target, Record<string, string | undefined>>): void {
  const { PORT: port, AUTH_ISSUER: issuer } = settings.get("auth") ?? {};
  if (port === undefined || port === "0" || issuer === undefined) return;
  for (const target of ["ingestion", "features"] as const) {
    const own = settings.get(target);
    if (own?.AUTH_ISSUER !== undefined) own.AUTH_JWKS_URL ??= `http://127.0.0.1:${port}/oauth/jwks`;
  }
}

function fixedPorts(target: Target, { config }: ReadyPart): FixedPort[] {
  return (["PORT", "METRICS_PORT", "GRPC_PORT"] as const).flatMap((variable) => {
    const port = config[variable];
    return port === undefined ? [] : [{ target, variable, port }];
  });
}
