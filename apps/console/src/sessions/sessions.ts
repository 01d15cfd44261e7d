import { timingSafeEqual } from "node:crypto";
import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { TOKEN_VERIFIER } from "@tripline/nest-kit/http/token.module";
import type { TokenVerifier } from "@tripline/tokens/verify-token";
import { AuthorizationServer } from "./authorization-server.js";
import type { Session } from "./session-store.js";
import { SessionStore } from "./session-store.js";

/** A token is renewed this long before it expires, so that it is valid long enough for the request. */
const RENEW_BEFORE_MS = 60_000;

/** Sessions with valid tokens. */
@Injectable()
export class Sessions {
  /** Renewals in this instance, shared by concurrent requests of one page. */
  readonly #renewals = new Map<string, Promise<Session | undefined>>();

  constructor(
    @Inject(SessionStore) readonly store: SessionStore,
    @Inject(AuthorizationServer) private readonly server: AuthorizationServer,
    @Inject(TOKEN_VERIFIER) private readonly verifier: Pick<TokenVerifier, "identify">,
  ) {}

  /** @throws TriplineError `session-ended` */
  async require(secret: string | undefined): Promise<Session> {
    const found = secret === undefined ? undefined : await this.store.find(secret);
    const session = found === undefined ? undefined : await this.#freshen(found);
    if (session === undefined || (await this.isRevoked(session))) {
      throw new TriplineError("session-ended", "Sign in to continue.");
    }
    await this.store.touch(session);
    return session;
  }

  /** Whether the user's tokens were revoked, which ends the session before they expire. */
  async isRevoked({ tokens }: Session): Promise<boolean> {
    try {
      await this.verifier.identify(`Bearer ${tokens.access}`);
      return false;
    } catch (error) {
      return error instanceof TriplineError && error.code === "token-revoked";
    }
  }

  /** A session for work on a user's behalf; undefined if the user is not signed in. */
  async ofPerson(tenant: string, personId: string): Promise<Session | undefined> {
    const found = await this.store.ofPerson(tenant, personId);
    return found === undefined ? undefined : this.#freshen(found);
  }

  #freshen(session: Session): Session | undefined | Promise<Session | undefined> {
    if (!isStale(session)) return session;
    const key = session.idHash.toString("hex");
    let renewal = this.#renewals.get(key);
    if (renewal === undefined) {
      const refresh = ({ personName, tokens }: Session) => this.server.refresh(personName, tokens);
      renewal = this.store.renew(session.idHash, isStale, refresh).finally(() => this.#renewals.delete(key));
      this.#renewals.set(key, renewal);
    }
    return renewal;
  }
}

function isStale({ endsMs }: Session): boolean {
  return endsMs - RENEW_BEFORE_MS < Date.now();
}

/** @throws TriplineError `csrf-token-wrong` */
export function checkCsrf({ csrfToken }: Session, sent: string | string[] | undefined): void {
  const given = Buffer.from(typeof sent === "string" ? sent : "");
  const wanted = Buffer.from(csrfToken);
  if (given.length === wanted.length && timingSafeEqual(given, wanted)) return;
  throw new TriplineError("csrf-token-wrong", "Send the session's csrfToken in the header X-CSRF-Token.");
}
