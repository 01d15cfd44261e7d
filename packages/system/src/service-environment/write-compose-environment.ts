import { stringify } from "yaml";
import type { GroupName, ServiceName, Variables } from "./service-variables.js";
import {
  PROGRAM_VARIABLES,
  SERVICE_NAMES,
  SERVICE_VARIABLES,
  VARIABLE_GROUPS,
  variablesOf,
} from "./service-variables.js";

/** Where compose.yaml mounts the folder of a service of the volume `secrets`. */
const SECRETS = "/run/tripline/secrets";

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
