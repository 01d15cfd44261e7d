/** What a collector got from one process at once, as its debug exporter prints it. */
export interface Collected {
  readonly signal: "spans" | "logs" | "metrics";
  readonly resource: Readonly<Record<string, string>>;
  readonly traceIds: readonly string[];
}

const SIGNALS: Readonly<Record<string, Collected["signal"]>> = {
  ResourceSpans: "spans",
  ResourceLog: "logs",
  ResourceMetrics: "metrics",
};

/** Where a resource begins: the first of a message follows the time and the level, with tabs between. */
const BEGIN = /^(?:.*\t)?(Resource(?:Spans|Log|Metrics)) #\d+$/m;

/** Reads what the debug exporter of an OpenTelemetry collector printed with `verbosity: detailed`. */
export function readCollected(text: string): readonly Collected[] {
  // What comes before the first resource, then in turn its signal and its text.
  const [, ...parts] = text.split(BEGIN);
  return parts.flatMap((part, index) => {
    const signal = SIGNALS[parts[index - 1] ?? ""];
    if (index % 2 === 0 || signal === undefined) return [];
    // Attributes of the resource come before the first scope.
    const [head = ""] = part.split(/^Scope/m, 1);
    const attributes = Array.from(head.matchAll(/^ +-> ([\w.]+): \w+\((.*)\)$/gm), ([, name = "", value = ""]) => [
      name,
      value,
    ]);
    const traceIds = new Set(Array.from(part.matchAll(/^ *Trace ID *: ([0-9a-f]{32})$/gm), ([, id = ""]) => id));
    return [{ signal, resource: Object.fromEntries(attributes), traceIds: [...traceIds] }];
  });
}
