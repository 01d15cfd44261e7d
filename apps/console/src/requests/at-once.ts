import { TriplineError } from "@tripline/contracts/error-table";

/**
 * Limits concurrency and rejects further calls immediately.
 *
 * @param what for the error message, such as `reports are being made`
 */
export class AtOnce {
  #running = 0;

  constructor(
    private readonly max: number,
    private readonly what: string,
  ) {}

  get isFull(): boolean {
    return this.#running >= this.max;
  }

  /** @throws TriplineError `too-many-requests` */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.isFull) {
      throw new TriplineError("too-many-requests", `${this.max} ${this.what}. Try again later.`);
    }
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
    }
  }
}
