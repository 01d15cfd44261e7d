import { z } from "zod";

const schemaRef = z.object({ $ref: z.string().optional() }).loose();
type Schema = Readonly<Record<string, unknown>>;
const operation = z.object({
  operationId: z.string(),
  parameters: z.array(z.object({ name: z.string(), in: z.string(), schema: schemaRef }).loose()).default([]),
  requestBody: z.object({ content: z.record(z.string(), z.object({ schema: schemaRef }).loose()) }).optional(),
});
const document = z.object({
  paths: z.record(z.string(), z.record(z.string(), operation.loose())),
  components: z.object({ schemas: z.record(z.string(), schemaRef).default({}) }).loose(),
});

/** A request with the text in a field that accepts text. */
export interface PlantedRequest {
  /** The operation, and the field that contains the text. */
  readonly at: string;
  readonly method: string;
  /** Includes the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

const DEPTH_MAX = 8;

/** One request per text field of an OpenAPI document: in the path, the query, a header, or anywhere in the body. */
export function plantTexts(openapi: unknown, text: string): PlantedRequest[] {
  const { paths, components } = document.parse(openapi);
  const resolve = (schema: Schema): Schema => {
    const name = typeof schema.$ref === "string" ? schema.$ref.split("/").at(-1) : undefined;
    return name === undefined ? schema : (components.schemas[name] ?? {});
  };
  return Object.entries(paths).flatMap(([template, operations]) =>
    Object.entries(operations).flatMap(([method, { operationId, parameters, requestBody }]) => {
      const [[type = "", content] = []] = Object.entries(requestBody?.content ?? {});
      const places = content === undefined ? [] : placesOf(resolve(content.schema), resolve, [], 0);
      const make = (at: string, values: ReadonlyMap<string, string>, body?: unknown): PlantedRequest => {
        const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
          encodeURIComponent(values.get(name) ?? "x"),
        );
        const has = (place: string) => parameters.filter((one) => one.in === place && values.has(one.name));
        const query = new URLSearchParams(
          has("query").map(({ name }): [string, string] => [name, values.get(name) ?? ""]),
        );
        const headers = Object.fromEntries(has("header").map(({ name }) => [name, values.get(name) ?? ""]));
        const written = body === undefined ? undefined : JSON.stringify(body);
        const typed = written === undefined ? headers : { ...headers, "content-type": type };
        return {
          at: `${operationId} ${at}`,
          method: method.toUpperCase(),
          path: `${path}?${query}`,
          headers: typed,
          body: written,
        };
      };
      const none = new Map<string, string>();
      const filler = places.length === 0 ? undefined : {};
      return [
        ...parameters.map(({ name, in: place }) => make(`${place} ${name}`, new Map([[name, text]]), filler)),
        ...places.map((place) => make(`body /${place.join("/")}`, none, bodyWith(place, text))),
      ];
    }),
  );
}

/** The text fields of a body; an item of a list is called `0`. */
function placesOf(
  schema: Schema,
  resolve: (schema: Schema) => Schema,
  place: readonly string[],
  depth: number,
): string[][] {
  if (depth > DEPTH_MAX) return [];
  const inner = (part: unknown, name?: string) =>
    placesOf(resolve(part as Schema), resolve, name === undefined ? place : [...place, name], depth + 1);
  const { type, properties, items, additionalProperties } = schema;
  const choices = ["anyOf", "oneOf", "allOf"].flatMap((key) => (Array.isArray(schema[key]) ? schema[key] : []));
  return [
    ...(type === "string" ? [[...place]] : []),
    ...Object.entries(properties ?? {}).flatMap(([name, part]) => inner(part, name)),
    ...(typeof items === "object" && items !== null ? inner(items, "0") : []),
    ...(typeof additionalProperties === "object" && additionalProperties !== null
      ? inner(additionalProperties, "x")
      : []),
    ...choices.flatMap((part) => inner(part)),
  ];
}

function bodyWith(place: readonly string[], text: string): unknown {
  return place.reduceRight<unknown>((inner, name) => (name === "0" ? [inner] : { [name]: inner }), text);
}
