import { z } from "zod";
import type { ServiceName, Variables } from "./service-variables.js";
import { variablesOf } from "./service-variables.js";
import type { VariableSource } from "./variable-source.js";
import { sourcesOf } from "./write-chart-environment.js";

type Shape = Readonly<Record<string, z.core.$ZodType>>;

/** Variables of a pod's identity, which the cluster sets; see docs/connections.md. */
const OF_THE_CLUSTER = /^(AWS|AZURE|GCE)_/;

export interface VariableDescription {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly default: string;
  readonly isNumber: boolean;
}

/**
 * A service's variables as described by its schema, including variables that are read elsewhere.
 *
 * @param variables the variables of the service or of a group
 */
export function describeVariables(shape: Shape, variables: Variables): readonly VariableDescription[] {
  const elsewhere = Object.entries(variables).filter(
    ([name, { description }]) => description !== undefined && !(name in shape),
  );
  return [
    ...Object.entries(shape)
      .filter(([name]) => !OF_THE_CLUSTER.test(name))
      .map(([name, schema]) => describeVariable(name, schema)),
    ...elsewhere.map(([name, { description = "" }]) => ({ name, description, unit: "", default: "", isNumber: false })),
  ];
}

/** Variables that the chart accepts in `services.<service>.environment`. */
export function chartEnvironmentVariables(service: ServiceName, shape: Shape): readonly string[] {
  const sources = variablesOf(service);
  return Object.keys(shape).filter((name) => !OF_THE_CLUSTER.test(name) && isInChartEnvironment(sources[name]));
}

/** Table rows: variable, default, unit, description, chart value, value in compose.yaml. */
export function settingRows(shape: Shape, variables: Variables): string[][] {
  return describeVariables(shape, variables).map(({ name, description, unit, default: shown }) => {
    const source = variables[name];
    return [code(name), shown, unit, description, chartCell(source), composeCell(source)];
  });
}

function isInChartEnvironment(source: VariableSource | undefined): boolean {
  return source?.isInChartEnvironment ?? source?.chart === undefined;
}

function chartCell(source: VariableSource | undefined): string {
  const sources = sourcesOf(source?.chart);
  const values = sources.map(({ setBy, value }) => {
    if (setBy !== undefined) return code(setBy);
    return typeof value === "string" && !value.includes("{{")
      ? `always ${code(value.replaceAll('"', ""))}`
      : "by the chart";
  });
  if (isInChartEnvironment(source)) values.push("`environment`");
  return [...new Set(values)].join(" or ");
}

function composeCell(source: VariableSource | undefined): string {
  if (source?.composeSecret !== undefined) return `secret ${code(source.composeSecret)}`;
  if (source?.compose === null) return "the caller's own";
  return source?.compose === undefined ? "" : code(source.compose);
}

function code(text: string): string {
  return `\`${text}\``;
}

function describeVariable(name: string, schema: z.core.$ZodType): VariableDescription {
  const layers = layersOf(schema);
  const metas = layers.map((layer) => z.globalRegistry.get(layer) ?? {});
  const { description = "", unit = "", shownDefault } = Object.assign({}, ...metas.toReversed());
  const inner = layers.at(-1);
  const choices =
    inner instanceof z.ZodEnum && !isParsed(layers)
      ? ` One of ${inner.options.map((one) => code(String(one))).join(", ")}.`
      : "";
  return {
    name,
    unit: String(unit),
    description: `${description}${choices}`,
    default: shownDefault === undefined ? defaultOf(schema, layers) : String(shownDefault),
    isNumber: inner instanceof z.ZodNumber,
  };
}

/** A schema and the schemas that it wraps, outermost first. For a pipe, its input is used. */
function layersOf(schema: z.core.$ZodType): z.core.$ZodType[] {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional) {
    return [schema, ...layersOf(schema.def.innerType)];
  }
  return schema instanceof z.ZodPipe ? [schema, ...layersOf(schema.def.in)] : [schema];
}

function isParsed(layers: readonly z.core.$ZodType[]): boolean {
  return layers.some((layer) => layer instanceof z.ZodPipe);
}

function defaultOf(schema: z.core.$ZodType, layers: readonly z.core.$ZodType[]): string {
  const given = layers.find((layer) => layer instanceof z.ZodDefault);
  if (given instanceof z.ZodDefault)
    return given.def.defaultValue === "" ? "empty" : code(String(given.def.defaultValue));
  return z.core.safeParse(schema, undefined).success ? "" : "required";
}
