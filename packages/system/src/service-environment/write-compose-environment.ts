import { stringify } from "yaml";
import type { GroupName, ServiceName, Variables } from "./service-variables.js";
import {
  PROGRAM_VARIABLES,
  SERVICE_NAMES,
  SERVICE_VARIABLES,
  VARIABLE_GROUPS,
  variablesOf,
} from "./service-variables.js";
import type { LocalValue, VariableSource } from "./variable-source.js";

/** Where compose.yaml mounts the folder of a service of the volume `secrets`. */
const SECRETS = "/run/tripline/secrets";
/** Where compose.tls.yaml mounts the folder of a service below `tls` of that volume; its files are those of `makeAccess`. */
const TLS = "/run/tripline/tls";

/** What a variable is set to with TLS, by what the plan of one machine sets it to. */
const WITH_TLS: Readonly<Partial<Record<LocalValue, string>>> = {
  ...{ authorityFile: `${TLS}/ca.crt`, certificateFile: `${TLS}/tls.crt`, keyFile: `${TLS}/tls.key` },
  ...{ tls: "true", grpcClients: "decisions" },
};
/** The same for those whose value is in a file. */
const IN_FILE_WITH_TLS: Readonly<Partial<Record<LocalValue, string>>> = {
  redisUrl: `${TLS}/redis-url`,
  postgresUrl: `${TLS}/postgres-url`,
};

/** The marked parts of compose.yaml: the groups as anchors under the name `groups`, and the environment of each service. */
export function composeEnvironment(): Readonly<Record<string, string>> {
  const services = SERVICE_NAMES.map((service) => [service, environmentOf(service)] as const);
  return { groups: sharedGroups().map(anchorOf).join("\n\n"), ...Object.fromEntries(services) };
}

/**
 * The marked part of compose.lite.yaml: what the container of decisions is told to run scoring as well, besides what
 * compose.yaml tells it. Variables that this program lacks are taken away.
 */
export function composeTogether(): Readonly<Record<"together", string>> {
  const { own } = PROGRAM_VARIABLES.tripline;
  const known = variablesOf("tripline");
  const dropped = Object.keys(variablesOf("decisions")).filter((name) => !(name in known));
  const lines = [...linesOf(own), ...dropped.map((name) => `${name}: !reset null`)];
  return { together: indent(lines, 6).join("\n") };
}

/** The marked parts of compose.tls.yaml: what differs of the environment of each service. */
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
