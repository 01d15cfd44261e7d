import { readFileSync } from "node:fs";
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { TriplineError } from "./error-table.js";

const DURATION_UNITS_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

const duration = z
  .string()
  .regex(/^[1-9]\d*[mhd]$/, "must be a duration such as 30m, 6h or 7d")
  .transform((text) => {
    const unit = text.at(-1) as keyof typeof DURATION_UNITS_MS;
    return Number(text.slice(0, -1)) * DURATION_UNITS_MS[unit];
  });

export const PAYMENT_KINDS = ["amount", "hour_of_day", "is_weekend", "is_night"] as const;
export const WINDOW_KINDS = ["count", "sum", "mean", "max", "ratio_to_mean"] as const;
export const LABEL_KINDS = ["label_count", "fraud_count", "fraud_rate"] as const;

const named = {
  name: z.string().regex(/^[a-z][a-z0-9_]*$/, "must be snake_case"),
  default: z.number(),
  sentence: z.string().min(1),
};
const entity = z.enum(["card", "terminal"]);

const feature = z.discriminatedUnion("kind", [
  z.strictObject({ ...named, kind: z.enum(PAYMENT_KINDS) }),
  z.strictObject({ ...named, kind: z.enum(WINDOW_KINDS), entity, window: z.string() }),
  z.strictObject({ ...named, kind: z.enum(LABEL_KINDS), entity, window: z.string() }),
  z.strictObject({ ...named, kind: z.literal("seconds_since_last"), entity }),
]);

const featureSpec = z
  .strictObject({
    version: z.int().positive(),
    windows: z.record(
      z.string(),
      z.strictObject({ width: duration, tile: duration }).refine((window) => window.width % window.tile === 0, {
        message: "width must be a whole number of tiles",
      }),
    ),
    entities: z.strictObject({
      card: z.strictObject({ key: z.literal("card_token") }),
      terminal: z.strictObject({ key: z.literal("terminal_id") }),
    }),
    features: z.array(feature).min(1),
  })
  .superRefine((spec, context) => {
    const seen = new Set<string>();
    spec.features.forEach((item, index) => {
      if (seen.has(item.name)) {
        context.addIssue({ code: "custom", path: ["features", index, "name"], message: `"${item.name}" stands twice` });
      }
      seen.add(item.name);
      if ("window" in item && spec.windows[item.window] === undefined) {
        context.addIssue({
          code: "custom",
          path: ["features", index, "window"],
          message: `window "${item.window}" is not among ${Object.keys(spec.windows).join(", ")}`,
        });
      }
    });
  });

/** The parsed spec. Window widths and tiles are in milliseconds. */
export type FeatureSpec = z.infer<typeof featureSpec>;
export type Feature = FeatureSpec["features"][number];
export type EntityName = z.infer<typeof entity>;

/**
 * Reads a feature spec.
 *
 * @throws TriplineError `config-invalid`, one sentence per fault, each with its line.
 */
export function parseFeatureSpec(text: string, fileName = "feature-spec.yaml"): FeatureSpec {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const syntax = document.errors[0];
  if (syntax !== undefined) throw new TriplineError("config-invalid", `${fileName}: ${syntax.message}`);
  const result = featureSpec.safeParse(document.toJS());
  if (result.success) return result.data;
  const faults = result.error.issues.map((issue) => {
    const at = lineOf(document, lines, issue.path);
    return `${fileName}:${at} ${issue.path.join(".")}: ${issue.message}`;
  });
  throw new TriplineError("config-invalid", faults.join("\n"));
}

/** Line of the deepest node on `path` that exists; 1 where none does. */
function lineOf(document: ReturnType<typeof parseDocument>, lines: LineCounter, path: readonly PropertyKey[]): number {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const node = document.getIn(path.slice(0, depth), true) as { range?: [number, number, number] } | undefined;
    if (node?.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}

let loaded: FeatureSpec | undefined;

/** The spec that this checkout was built with. */
export function currentFeatureSpec(): FeatureSpec {
  if (loaded === undefined) {
    const file = new URL("../feature-spec.yaml", import.meta.url);
    loaded = parseFeatureSpec(readFileSync(file, "utf8"));
  }
  return loaded;
}
