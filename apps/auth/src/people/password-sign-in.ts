import { Inject, Injectable } from "@nestjs/common";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { SecondFactors } from "../second-factor/second-factors.js";
import { canonicalUserName } from "./canonical-user-name.js";
import { KnownDevices } from "./known-devices.js";
import { PasswordVerifier } from "./password-verifier.js";
import type { Person } from "./person-store.js";
import { personNamed } from "./person-store.js";
import type { Wait } from "./sign-in-failures.js";
import { SignInFailures } from "./sign-in-failures.js";

/** A submitted user name and password, and their origin. */
export interface TypedPassword {
  readonly userName: string;
  readonly password: string;
  readonly address: string;
  /** The header `Cookie`, which may name a known device. */
  readonly cookies?: string | undefined;
  /** The session of a signed-in user, which takes precedence over the known device in the cookie. */
  readonly device?: string;
  /** Code from the authenticator app, required once the attempts for the name are used up. */
  readonly code?: string;
}

/** Identifies a user by user name and password. */
@Injectable()
export class PasswordSignIn {
  constructor(
    @Inject(DATABASE) private readonly queries: Queries,
    @Inject(SignInFailures) private readonly failures: SignInFailures,
    @Inject(PasswordVerifier) private readonly passwords: PasswordVerifier,
    @Inject(KnownDevices) private readonly devices: KnownDevices,
    @Inject(SecondFactors) private readonly secondFactors: SecondFactors,
  ) {}

  /**
   * An unknown name, a disabled user and a wrong password get the same response after the same work.
   *
   * @returns the user, and whether a code was checked as well; `undefined` for a wrong name, password or code; how long
   *   to wait after too many attempts
   * @throws TriplineError `queue-full` if too many passwords are being checked
   */
  async attempt(
    typed: TypedPassword,
  ): Promise<{ readonly person: Person; readonly hasCode: boolean } | Wait | undefined> {
    const { address, code = "" } = typed;
    const userName = canonicalUserName(typed.userName);
    const person = await personNamed(this.queries, userName);
    const device = typed.device ?? this.devices.deviceOf(person, typed.cookies);
    const isRight = () => this.passwords.verify(typed.password, person?.password_hash ?? undefined);
    const hasCode = code !== "";
    const outcome = hasCode
      ? await this.failures.attemptBoth(userName, { address, device }, async () => {
          // If no user has this name, a code is still checked but not used up, so that response times do not reveal a
          // correct password.
          const holder = (await isRight()) ? person?.person_id : undefined;
          return this.secondFactors.use(holder ?? "", code);
        })
      : await this.failures.attempt(userName, { address, device }, isRight);
    if (typeof outcome === "object") return outcome;
    return outcome && person !== undefined ? { person, hasCode } : undefined;
  }
}
