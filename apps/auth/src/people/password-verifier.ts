import { randomBytes } from "node:crypto";
import { Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { hashPassword, matchesPassword } from "./hash-password.js";

/** Maximum number of running and waiting computations. The thread pool runs four at a time, with 19 MiB each. */
const COMPUTATIONS_MAX = 16;

/** Checks passwords, with a limit on concurrent checks. */
@Injectable()
export class PasswordVerifier {
  /** The hash of a password that nobody has. */
  readonly #nobodysHash = hashPassword(randomBytes(32).toString("base64"));
  #running = 0;

  /**
   * @param stored the user's hash; without one, the same work is done, so that response times do not reveal which names
   *   exist
   * @throws TriplineError `queue-full` if too many passwords are being checked
   */
  async verify(password: string, stored: string | undefined): Promise<boolean> {
    if (this.#running >= COMPUTATIONS_MAX) {
      throw new TriplineError("queue-full", "Too many passwords are being checked. Try again later.");
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
