import { stringify } from "yaml";
import type { GroupName, ServiceName, Variables } from "./service-variables.js";
import { SERVICE_NAMES, SERVICE_VARIABLES, VARIABLE_GROUPS, variablesOf } from "./service-variables.js";
import { HTTP_PORT, SECOND_HTTP_PORT } from "./shared-sources.js";
import type { LocalValue, VariableSource } from "./variable-source.js";

/** Where compose.yaml mounts a service's folder of the volume `secrets`. */
const SECRETS = "/run/tripline/secrets";
/** Where compose.tls.yaml mounts a service's folder below `tls` of that volume; `makeAccess` writes its files. */
const TLS = "/run/tripline/tls";

/**
 * The services of each container in compose.lite.yaml that runs more than one. The container is named after its first
 * service.
 */
export const LITE_TARGETS: Readonly<Record<string, readonly ServiceName[]>> = {
  auth: ["auth", "control", "console", "archive"],
  ingestion: ["ingestion", "features"],
  decisions: ["decisions", "scoring"],
};

/** Variables that contain another service's address; see apps/tripline. */
const NEIGHBOUR_OF: Readonly<Record<string, ServiceName>> = {
  AUTH_JWKS_URL: "auth",
  AUTH_TOKEN_URL: "auth",
  CONTROL_URL: "control",
  INGESTION_URL: "ingestion",
  SCORING_ADDRESS: "scoring",
};

/** The value of a variable with TLS, by its value in the local plan. */
const WITH_TLS: Readonly<Partial<Record<LocalValue, string>>> = {
  authorityFile: `${TLS}/ca.crt`,
  certificateFile: `${TLS}/tls.crt`,
  keyFile: `${TLS}/tls.key`,
  tls: "true",
  grpcClients: "decisions",
};
/** Like `WITH_TLS`, for variables whose value is in a file. */
const IN_FILE_WITH_TLS: Readonly<Partial<Record<LocalValue, string>>> = {
  redisUrl: `${TLS}/redis-url`,
  postgresUrl: `${TLS}/postgres-url`,
};

/** The generated parts of compose.yaml: the groups as anchors under `groups`, and the environment of each service. */
export function composeEnvironment(): Readonly<Record<string, string>> {
  const services = SERVICE_NAMES.map((service) => [service, environmentOf(service)] as const);
  return { groups: sharedGroups().map(anchorOf).join("\n\n"), ...Object.fromEntries(services) };
}

/**
 * The generated parts of compose.lite.yaml: the variables that a container with several services needs in addition to
 * the environment that compose.yaml gives to the service after which the container is named. Variables for only one of
 * the services start with that service's name and use its own folder.
 */
export function composeLite(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(LITE_TARGETS).map(([host, targets]) => {
      const ports = targets.flatMap((target) =>
        target === host ? [] : line(`${upper(target)}_PORT`, litePort(target)),
      );
      const assigned = new Map(flatLines(variablesOf(host as ServiceName)));
      const added = targets
        .filter((target) => target !== host)
        .flatMap((target) => addedLines(target, targets, assigned));
      const dropped = [...assigned.keys()].filter((name) => isSet(name, targets)).map((name) => `${name}: !reset null`);
      return [host, indent([line("TARGETS", targets.join(",")), ...ports, ...added, ...dropped], 6).join("\n")];
    }),
  );
}

/** Lines for an additional service in a process. @param assigned variables set so far, by name; extended here */
function addedLines(target: ServiceName, targets: readonly ServiceName[], assigned: Map<string, string>): string[] {
  return Object.entries(variablesOf(target)).flatMap(([name, { compose, composeSecret }]) => {
    if (composeSecret !== undefined) {
      return [line(`${upper(target)}_${name}_FILE`, `${SECRETS}-${target}/${composeSecret}`)];
    }
    if (compose === undefined || isSet(name, targets)) return [];
    const value = compose === null ? null : liteAddresses(compose);
    const known = assigned.get(name);
    const text = value === null ? `${name}:` : line(name, value);
    if (known === text) return [];
    assigned.set(name, known ?? text);
    return [known === undefined ? text : `${upper(target)}_${text}`];
  });
}

/** Whether a variable is the address of a service in the same process, which needs no address. */
function isSet(name: string, targets: readonly ServiceName[]): boolean {
  const neighbour = NEIGHBOUR_OF[name];
  return neighbour !== undefined && targets.includes(neighbour);
}

/** In the lite file, services keep their own host names, but some of them use a different port. */
function liteAddresses(value: string): string {
  const moved = Object.values(LITE_TARGETS).flat();
  return moved.reduce((text, name) => text.replaceAll(`//${name}:${HTTP_PORT}`, `//${name}:${litePort(name)}`), value);
}

function litePort(target: ServiceName): string {
  const [first, ...others] = Object.values(LITE_TARGETS).find((targets) => targets.includes(target)) ?? [];
  return target === first ? HTTP_PORT : String(Number(SECOND_HTTP_PORT) + others.indexOf(target));
}

function upper(target: ServiceName): string {
  return target.toUpperCase();
}

function flatLines(variables: Variables): (readonly [string, string])[] {
  return Object.entries(variables).flatMap(([name, source]) => {
    const [text] = linesOf({ [name]: source });
    return text === undefined ? [] : [[name, text] as const];
  });
}

/** The generated parts of compose.tls.yaml: the differences in each service's environment. */
export function composeTls(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    SERVICE_NAMES.map((service) => {
      const lines = Object.entries(variablesOf(service)).flatMap(([name, source]) => tlsLinesOf(name, source));
      return [service, ["    environment:", ...indent(lines, 6)].join("\n")];
    }),
  );
}

function tlsLinesOf(name: string, { compose, local }: VariableSource): readonly string[] {
  const file = local === undefined ? undefined : IN_FILE_WITH_TLS[local];
  if (file !== undefined) {
    return [...(typeof compose === "string" ? [`${name}: !reset null`] : []), line(`${name}_FILE`, file)];
  }
  const value = local === undefined ? undefined : WITH_TLS[local];
  if (value !== undefined) return [line(name, value)];
  return compose?.includes("http://") === true ? [line(name, compose.replaceAll("http://", "https://"))] : [];
}

function sharedGroups(): GroupName[] {
  return (Object.keys(VARIABLE_GROUPS) as GroupName[]).filter((group) => linesOf(VARIABLE_GROUPS[group]).length > 0);
}

function anchorOf(group: GroupName): string {
  return [`x-${group}: &${group}`, ...indent(linesOf(VARIABLE_GROUPS[group]), 2)].join("\n");
}

function environmentOf(service: ServiceName): string {
  const { groups, own } = SERVICE_VARIABLES[service];
  const merged = groups.filter((group) => sharedGroups().includes(group)).map((group) => `*${group}`);
  return ["    environment:", ...indent([`<<: [${merged.join(", ")}]`, ...linesOf(own)], 6)].join("\n");
}

function linesOf(variables: Variables): string[] {
  return Object.entries(variables).flatMap(([name, { compose, composeSecret }]) => {
    if (composeSecret !== undefined) return [line(`${name}_FILE`, `${SECRETS}/${composeSecret}`)];
    if (compose === undefined) return [];
    return [compose === null ? `${name}:` : line(name, compose)];
  });
}

function line(name: string, value: string): string {
  return stringify({ [name]: value }, { lineWidth: 0 }).trimEnd();
}

function indent(lines: readonly string[], columns: number): string[] {
  return lines.map((text) => " ".repeat(columns) + text);
}
