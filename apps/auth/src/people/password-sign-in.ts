import type { Queries } from "@tripline/service-kit/postgres/connect-database";
import { canonicalUserName } from "./canonical-user-name.js";
import type { PasswordVerifier } from "./password-verifier.js";
import type { Person } from "./person-store.js";
import { personNamed } from "./person-store.js";
import type { SignInFailures } from "./sign-in-failures.js";

/** Who it is that types a user name and a password. */
export class PasswordSignIn {
  constructor(
    private readonly queries: Queries,
    private readonly failures: SignInFailures,
    private readonly passwords: PasswordVerifier,
  ) {}

  /**
   * A name that nobody has, a disabled person and a wrong password differ neither in the answer nor in the work.
   *
   * @returns the person; `undefined` for a wrong name or password; seconds to wait after too many attempts
   * @throws TriplineError `queue-full` when too many passwords are being checked
   */
  async attempt(typedName: string, password: string, address: string): Promise<Person | number | undefined> {
    const userName = canonicalUserName(typedName);
    const person = await personNamed(this.queries, userName);
    const isRight = await this.failures.attempt(userName, address, () =>
      this.passwords.verify(password, person?.password_hash ?? undefined),
    );
    if (typeof isRight === "number") return isRight;
    return isRight ? person : undefined;
  }
}
