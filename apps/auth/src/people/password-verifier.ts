import { randomBytes } from "node:crypto";
import { Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { hashPassword, matchesPassword } from "./hash-password.js";

/** Computations that run or wait. Each takes 19 MiB while it runs, and the thread pool runs four at a time. */
const COMPUTATIONS_MAX = 16;

/** Checks passwords, a bounded number at a time. */
@Injectable()
export class PasswordVerifier {
  /** The hash of a password that nobody knows. */
  readonly #nobodysHash = hashPassword(randomBytes(32).toString("base64"));
  #running = 0;

  /**
   * @param stored the person's hash; without one the same work is done, so that the time of an answer does not show which
   *   names exist
   * @throws TriplineError `queue-full` when too many passwords are being checked
   */
  async verify(password: string, stored: string | undefined): Promise<boolean> {
    if (this.#running >= COMPUTATIONS_MAX) {
      throw new TriplineError("queue-full", "Too many passwords are being checked. Try again in a moment.");
    }
    this.#running += 1;
    try {
      const isRight = await matchesPassword(password, stored ?? (await this.#nobodysHash));
      return isRight && stored !== undefined;
    } finally {
      this.#running -= 1;
    }
  }
}
