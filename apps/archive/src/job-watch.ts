const LOOK_EVERY_MS = 60_000;

/**
 * Reads the status that jobs record in the lake, including jobs that run in other processes, and exports it as metrics.
 */
export abstract class JobWatch<Facts> {
  protected startedAtMs = Date.now();
  #timer: NodeJS.Timeout | undefined;
  #endReading: readonly (() => void)[] = [];

  /** @param facts the facts before the first read */
  constructor(
    protected facts: Facts,
    private readonly read: () => Promise<Facts>,
  ) {}

  /** Registers the metrics. @returns functions that remove them */
  protected abstract register(): readonly (() => void)[];

  start(): void {
    this.startedAtMs = Date.now();
    this.#endReading = this.register();
    void this.look();
    this.#timer = setInterval(() => void this.look(), LOOK_EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const end of this.#endReading) end();
  }

  /** While the lake is unavailable, keeps the last known facts. Writes to the lake report the failure. */
  async look(): Promise<void> {
    this.facts = await this.read().catch(() => this.facts);
  }
}
