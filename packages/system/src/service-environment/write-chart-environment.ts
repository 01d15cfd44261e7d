import { CLIENT_SCOPES } from "../services/plan-services.js";
import type { GroupName, ProgramName, Variables } from "./service-variables.js";
import { PROGRAM_NAMES, PROGRAM_VARIABLES, VARIABLE_GROUPS } from "./service-variables.js";
import type { ChartSource } from "./variable-source.js";

const HEAD = `{{/* Generated from packages/system/src/service-environment by \`npm run documents\`.
The environment of each program. Each program, and each group of variables that programs share, has a template:
\`environment\` templates produce variables as YAML, and \`secrets\` templates produce entries of a container's \`env\`.
checks.yaml compares values with the numbers in \`limits\`, and secrets-development.yaml registers clients with \`clientScopes\`. */}}
`;

/**
 * The chart's templates/_environment.tpl.
 *
 * @param limits numbers from the code, with which the chart's checks.yaml compares values
 */
export function chartEnvironment(limits: Readonly<Record<string, number>>): string {
  const groups = Object.keys(VARIABLE_GROUPS) as GroupName[];
  const blocks = [
    ...groups.flatMap((group) => [environmentOf(group), secretsOf(group)]),
    ...PROGRAM_NAMES.flatMap((service) => [environmentOfService(service), secretsOfService(service)]),
    define(
      "tripline.clientScopes",
      Object.entries(CLIENT_SCOPES).map(([client, scopes]) => `${client}: ${scopes}`),
    ),
    define(
      "tripline.limits",
      Object.entries(limits).map(([name, value]) => `${name}: ${value}`),
    ),
  ];
  return `${[HEAD, ...blocks.filter((block) => block !== "")].join("\n")}`;
}

function environmentOf(group: GroupName): string {
  return define(`tripline.environment.${group}`, linesOf(plainOf(VARIABLE_GROUPS[group])));
}

function secretsOf(group: GroupName): string {
  return define(`tripline.secrets.${group}`, linesOf(secretOf(VARIABLE_GROUPS[group])));
}

function environmentOfService(service: ProgramName): string {
  const { groups, own } = PROGRAM_VARIABLES[service];
  const included = groups.filter((group) => plainOf(VARIABLE_GROUPS[group]).length > 0);
  return define(`tripline.environment.${service}`, [
    ...included.map((group) => include(`tripline.environment.${group}`)),
    ...linesOf(plainOf(own)),
  ]);
}

function secretsOfService(service: ProgramName): string {
  const { groups, own } = PROGRAM_VARIABLES[service];
  const included = groups.filter((group) => secretOf(VARIABLE_GROUPS[group]).length > 0);
  return define(`tripline.secrets.${service}`, [
    ...included.map((group) => include(`tripline.secrets.${group}`)),
    ...linesOf(secretOf(own)),
  ]);
}

const include = (name: string): string => `{{ include "${name}" . }}`;

function define(name: string, lines: readonly string[]): string {
  if (lines.length === 0) return "";
  return `${[`{{- define "${name}" -}}`, ...lines, "{{- end }}"].join("\n")}\n`;
}

interface Entry {
  readonly when: string | undefined;
  readonly line: string;
}

export function sourcesOf(chart: ChartSource | readonly ChartSource[] | undefined): readonly ChartSource[] {
  if (chart === undefined) return [];
  return "value" in chart ? [chart] : chart;
}

function plainOf(variables: Variables): Entry[] {
  return Object.entries(variables).flatMap(([name, { chart }]) =>
    sourcesOf(chart).flatMap(({ when, value }) =>
      typeof value === "string" ? [{ when, line: `${name}: ${value}` }] : [],
    ),
  );
}

function secretOf(variables: Variables): Entry[] {
  return Object.entries(variables).flatMap(([name, { chart }]) =>
    sourcesOf(chart).flatMap(({ when, value }) => {
      if (typeof value === "string") return [];
      const template = value.isOptional === true ? "tripline.optionalKey" : "tripline.secretKey";
      return [{ when, line: `{{ include "${template}" (list "${name}" ${value.secret} "${value.key}") }}` }];
    }),
  );
}

/** Adjacent entries with the same condition share one condition block. */
function linesOf(entries: readonly Entry[]): string[] {
  return entries.flatMap(({ when, line }, index) => {
    if (when === undefined) return [line];
    const begins = entries[index - 1]?.when !== when;
    const ends = entries[index + 1]?.when !== when;
    return [...(begins ? [`{{- if ${when} }}`] : []), line, ...(ends ? ["{{- end }}"] : [])];
  });
}
