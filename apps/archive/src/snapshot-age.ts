import { gauge } from "@tripline/telemetry/metrics";

const LOOK_EVERY_MS = 60_000;
const MS_PER_S = 1_000;

/** Measures the age of the newest snapshot of the window states in the lake. */
export class SnapshotAge {
  #takenAtMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #endReading = () => {};

  /** @param read returns when the newest snapshot was taken; undefined if there is none */
  constructor(private readonly read: () => Promise<number | undefined>) {}

  start(): void {
    const description = "Age of the newest snapshot of the window states in the lake; 0 while there is none";
    this.#endReading = gauge("tripline_archive_snapshot_age_seconds", { description }, () =>
      this.#takenAtMs === undefined ? 0 : (Date.now() - this.#takenAtMs) / MS_PER_S,
    );
    void this.look();
    this.#timer = setInterval(() => void this.look(), LOOK_EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#endReading();
  }

  /** While the lake is unavailable, keeps the last known time. Writes to the lake report the failure. */
  async look(): Promise<void> {
    const takenAtMs = await this.read().catch(() => this.#takenAtMs);
    this.#takenAtMs = takenAtMs;
  }
}
