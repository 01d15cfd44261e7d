import type { Logger } from "./logger.js";
import { counter } from "./metrics.js";

/** The common interface of span and log exporters. */
interface Exporter<T> {
  export(items: T[], done: (result: ExportResult) => void): void;
  shutdown(): Promise<void>;
  forceFlush?(): Promise<void>;
}

/** OpenTelemetry's `ExportResult`; code 0 is success. */
interface ExportResult {
  readonly code: number;
  readonly error?: Error;
}

const SUCCESS = 0;

/**
 * An exporter that counts exported and lost items, and logs one line when the collector becomes unavailable and one
 * when it is available again, however many items are lost in between.
 */
export class CollectorExporter<T> implements Exporter<T> {
  readonly #sent = counter("tripline_telemetry_items_total", {
    description: "Spans and log lines, by whether the collector accepted them or they were lost",
    labels: ["signal", "result"],
  });
  #isAway = false;

  constructor(
    private readonly inner: Exporter<T>,
    private readonly signal: "spans" | "logs",
    private readonly log: Logger | undefined,
  ) {}

  export(items: T[], done: (result: ExportResult) => void): void {
    this.inner.export(items, (result) => {
      const isSent = result.code === SUCCESS;
      this.#sent.inc({ signal: this.signal, result: isSent ? "sent" : "lost" }, items.length);
      if (this.#isAway === isSent) this.#tell(result);
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.inner.shutdown();
  }

  async forceFlush(): Promise<void> {
    await this.inner.forceFlush?.();
  }

  #tell({ error }: ExportResult): void {
    this.#isAway = !this.#isAway;
    if (this.#isAway) {
      const reason = error?.message || "no response";
      this.log?.warn(
        `telemetry: the collector rejects ${this.signal} (${reason}); they are lost until it accepts them`,
      );
    } else this.log?.info(`telemetry: the collector accepts ${this.signal} again`);
  }
}
