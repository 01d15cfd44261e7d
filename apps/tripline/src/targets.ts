import { TriplineError } from "@tripline/contracts/error-table";

/** The services that a process can run. Each one calls only services that are listed before it. */
export const TARGETS = [
  "auth",
  "control",
  "archive",
  "scoring",
  "features",
  "decisions",
  "ingestion",
  "console",
] as const;
export type Target = (typeof TARGETS)[number];

const ALL = "all";

/**
 * Parses the `TARGETS` variable. The result is in the order of the list above.
 *
 * @throws TriplineError `config-invalid`
 */
export function parseTargets(text: string | undefined): readonly Target[] {
  const named = (text ?? "").split(",").flatMap((one) => one.trim() || []);
  if (named.length === 0) {
    throw invalid(
      `TARGETS is not set. Set it to a comma-separated list of what this process runs: ${TARGETS.join(", ")}; or to all.`,
    );
  }
  const unknown = named.find((name) => name !== ALL && !TARGETS.some((target) => target === name));
  if (unknown !== undefined) {
    throw invalid(
      `TARGETS contains "${unknown}", which does not exist. Choose from ${TARGETS.join(", ")}, or use all.`,
    );
  }
  return TARGETS.filter((target) => named.includes(ALL) || named.includes(target));
}

export interface Neighbour {
  readonly target: Target;
  /** The variables for the target's address. They are required if the target runs in another process. */
  readonly variables: readonly string[];
  /** A variable that can be set instead of `variables`. */
  readonly alternative?: string;
}

const AUTH: Neighbour = { target: "auth", variables: ["AUTH_ISSUER", "AUTH_JWKS_URL"] };

/** The parts that a part calls directly. All other communication goes through Kafka and Redis. */
const NEIGHBOURS: Partial<Record<Target, readonly Neighbour[]>> = {
  control: [AUTH],
  decisions: [{ target: "scoring", variables: ["SCORING_ADDRESS"], alternative: "SCORING_ENDPOINT_URL" }],
  ingestion: [AUTH],
  console: [
    { target: "auth", variables: [...AUTH.variables, "AUTH_TOKEN_URL"] },
    { target: "control", variables: ["CONTROL_URL"] },
    { target: "ingestion", variables: ["INGESTION_URL"] },
  ],
};

/**
 * @param isSet whether a variable is set for a part
 * @throws TriplineError `config-invalid` if a part cannot reach a service that it calls
 */
export function checkNeighbours(
  targets: readonly Target[],
  isSet: (target: Target, variable: string) => boolean,
): void {
  for (const target of targets) {
    for (const { target: missing, variables, alternative } of NEIGHBOURS[target] ?? []) {
      if (targets.includes(missing) || variables.every((variable) => isSet(target, variable))) continue;
      if (alternative !== undefined && isSet(target, alternative)) continue;
      throw invalid(
        `TARGETS contains ${target} without ${missing}, which it requires. Add ${missing}, or set ${variables.join(" and ")} to use one in another process.`,
      );
    }
  }
}

export interface FixedPort {
  readonly target: Target;
  readonly variable: "PORT" | "METRICS_PORT" | "GRPC_PORT";
  readonly port: number;
}

/** @throws TriplineError `config-invalid` if two parts would listen on the same port */
export function checkPorts(ports: readonly FixedPort[]): void {
  const taken = new Map<number, FixedPort>();
  for (const one of ports) {
    // Port 0 stands for any free port.
    if (one.port === 0) continue;
    const other = taken.get(one.port);
    taken.set(one.port, one);
    if (other === undefined) continue;
    const names = [other, one].map(({ target, variable }) => prefixed(target, variable));
    throw invalid(
      `${other.target} and ${one.target} would both listen on port ${one.port}: set ${names.join(" and ")} to different ports.`,
    );
  }
}

/** All parts share one event loop. With fewer cores than this, a part waits for a core most of the time. */
const CORES_PER_TARGET_MIN = 0.12;

/**
 * @param cores number of cores that this process may use; undefined if there is no limit
 * @throws TriplineError `config-invalid`
 */
export function checkCores(targets: readonly Target[], cores: number | undefined): void {
  const least = Math.round(CORES_PER_TARGET_MIN * targets.length * 100) / 100;
  if (cores === undefined || cores >= least) return;
  throw invalid(
    `This process may use ${cores} CPUs, but its ${targets.length} targets need at least ${least}. Raise the limit, or set fewer TARGETS.`,
  );
}

/** The variable's name with the prefix of a single part. */
export function prefixed(target: Target, variable: string): string {
  return `${target.toUpperCase()}_${variable}`;
}

function invalid(sentence: string): TriplineError {
  return new TriplineError("config-invalid", sentence);
}
