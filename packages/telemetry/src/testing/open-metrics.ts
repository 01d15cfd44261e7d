/** Suffixes of a sample's name after its family's name, by the family's type. */
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ["_total", "_created"],
  gauge: [""],
  histogram: ["_bucket", "_count", "_sum", "_created"],
  info: ["_info"],
  unknown: [""],
};
const METADATA = /^# (TYPE|HELP|UNIT) ([a-zA-Z_:][\w:]*) (.*)$/;
const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/y;
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?(?:e[+-]?\d+)?|Inf)$|^NaN$/i;

interface Family {
  readonly name: string;
  type: string;
  readonly declared: Set<string>;
  readonly samples: Sample[];
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * Parses OpenMetrics 1.0 text, except exemplars and timestamps.
 *
 * @throws Error for a violation
 */
export function readOpenMetrics(text: string): Sample[] {
  const lines = text.split("\n");
  if (lines.pop() !== "" || lines.pop() !== "# EOF") throw new Error("the text does not end with # EOF");
  const families = new Map<string, Family>();
  let family: Family | undefined;
  for (const line of lines) {
    const [, kind = "", name = "", rest = ""] = METADATA.exec(line) ?? [];
    if (kind === "") addSample(family, line);
    else family = addMetadata(families, family, { kind, name, rest });
  }
  const all = [...families.values()];
  for (const one of all) checkFamily(one);
  const samples = all.flatMap((one) => one.samples);
  const keys = samples.map(({ name, labels }) => JSON.stringify([name, Object.entries(labels).sort()]));
  if (new Set(keys).size < keys.length) throw new Error("a sample occurs twice");
  return samples;
}

function addMetadata(
  families: Map<string, Family>,
  current: Family | undefined,
  { kind, name, rest }: { readonly kind: string; readonly name: string; readonly rest: string },
): Family {
  const family = current?.name === name ? current : { name, type: "unknown", declared: new Set<string>(), samples: [] };
  if (family !== current && families.has(name)) throw new Error(`the family ${name} is in two places`);
  if (family.declared.has(kind) || family.samples.length > 0)
    throw new Error(`${kind} of ${name} must precede its samples`);
  families.set(name, family);
  family.declared.add(kind);
  if (kind === "TYPE") {
    if (SUFFIXES[rest] === undefined) throw new Error(`${name} is of the unknown type ${rest}`);
    family.type = rest;
  }
  if (kind === "UNIT" && !name.endsWith(`_${rest}`)) throw new Error(`${name} does not end with its unit ${rest}`);
  return family;
}

function addSample(family: Family | undefined, line: string): void {
  const [, name = "", labels = "", number = ""] = SAMPLE.exec(line) ?? [];
  if (!NUMBER.test(number)) throw new Error(`not a sample: ${line}`);
  const suffixes = SUFFIXES[family?.type ?? ""] ?? [];
  if (!suffixes.some((suffix) => name === `${family?.name}${suffix}`)) {
    throw new Error(`${name} does not belong to ${family?.name}, a ${family?.type}`);
  }
  family?.samples.push({ name, labels: readLabels(labels), value: Number(number.replace("Inf", "Infinity")) });
}

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const [, name = "", value = ""] = LABEL.exec(text) ?? [];
    if (name === "") throw new Error(`not labels: ${text}`);
    if (name in labels) throw new Error(`the label ${name} occurs twice: ${text}`);
    labels[name] = value.replaceAll(/\\(.)/g, (_all, sign: string) => (sign === "n" ? "\n" : sign));
  }
  return labels;
}

function checkFamily({ name, type, samples }: Family): void {
  // promtool reports this as well: `_total` is for counters.
  if (type === "gauge" && name.endsWith("_total")) throw new Error(`the gauge ${name} is named like a counter`);
  if (type === "counter" && samples.some(({ value }) => !(value >= 0))) throw new Error(`${name} is below 0`);
  if (type !== "histogram") return;
  const groups = Map.groupBy(samples, ({ labels: { le: _le, ...labels } }) =>
    JSON.stringify(Object.entries(labels).sort()),
  );
  for (const group of groups.values()) {
    const buckets = group.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => Number(labels.le?.replace("Inf", "Infinity")));
    const isSorted = buckets.every(({ value }, index) => {
      const [below, bound] = [bounds[index - 1] ?? -Infinity, bounds[index] ?? Number.NaN];
      return bound > below && value >= (buckets[index - 1]?.value ?? 0);
    });
    const count = group.find((sample) => sample.name === `${name}_count`)?.value;
    if (!isSorted || bounds.at(-1) !== Infinity || buckets.at(-1)?.value !== count) {
      throw new Error(`the buckets of ${name} are not in order, or do not end with all of its observations`);
    }
  }
}
