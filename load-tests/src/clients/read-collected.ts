/** Data that a collector received from one process in one request, as printed by its debug exporter. */
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

/** The start of a resource. The first one of a message follows the time and the level, separated by tabs. */
const BEGIN = /^(?:.*\t)?(Resource(?:Spans|Log|Metrics)) #\d+$/m;

/** Parses the output of an OpenTelemetry collector's debug exporter with `verbosity: detailed`. */
export function readCollected(text: string): readonly Collected[] {
  // The text before the first resource, then alternating signals and texts.
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
