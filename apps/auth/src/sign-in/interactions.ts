import { setTimeout as delay } from "node:timers/promises";
import { Inject, Injectable } from "@nestjs/common";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Interaction, InteractionResults } from "oidc-provider";
import { errors } from "oidc-provider";
import { KnownDevices } from "../people/known-devices.js";
import type { Person } from "../people/person-store.js";
import { OAuthServer } from "../provider/oauth-server.js";
import { signInFromMs } from "../revocations/revocation-store.js";
import { sendPage } from "./forms.js";
import { messagePage } from "./sign-in-pages.js";

export const EXPIRED = "This sign-in has expired or was started in another browser. Go back and start again.";

/** A revocation covers tokens issued up to a second after it. */
const WAIT_MS_MAX = 1_000;

/** Sign-ins in progress. The library redirects browsers to them and continues once the user is known. */
@Injectable()
export class Interactions {
  constructor(
    @Inject(OAuthServer) private readonly server: OAuthServer,
    @Inject(KnownDevices) private readonly devices: KnownDevices,
    @Inject(DATABASE) private readonly database: Database,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Returns the sign-in that this browser started. If there is none, sends an error page. */
  async find(request: FastifyRequest, reply: FastifyReply): Promise<Interaction | undefined> {
    try {
      const interaction = await this.server.provider.interactionDetails(request.raw, reply.raw);
      if (interaction.prompt.name === "login") return interaction;
    } catch (error) {
      if (!(error instanceof errors.SessionNotFound)) throw error;
    }
    sendPage(reply, 400, messagePage("Sign in", EXPIRED));
    return undefined;
  }

  /** Replaces the stored result of the sign-in so far. */
  async keep(request: FastifyRequest, reply: FastifyReply, result: InteractionResults): Promise<string> {
    return this.server.provider.interactionResult(request.raw, reply.raw, result, { mergeWithLastSubmission: false });
  }

  /**
   * Signs the user in and sends the browser back to the client.
   *
   * @param amr authentication methods (RFC 8176)
   * @param confirm called after the result is stored, so that concurrent changes that end the user's sign-ins find it.
   *   If the user must not sign in after all, it removes the result and throws
   */
  async finish(
    request: FastifyRequest,
    reply: FastifyReply,
    person: Person,
    amr: string[],
    confirm = async (): Promise<void> => {},
  ): Promise<void> {
    const url = await this.keep(request, reply, { login: { accountId: person.person_id, amr, remember: false } });
    await confirm();
    // Otherwise, services would reject the tokens of a user whose password or roles were changed in the same second.
    const fromMs = await signInFromMs(this.database, person.person_id);
    if (fromMs !== undefined) await delay(Math.min(WAIT_MS_MAX, Math.max(0, fromMs - Date.now())));
    this.logger.info({ person_id: person.person_id, tenant: person.tenant, amr }, "signed in");
    reply.header("set-cookie", this.devices.cookieFor(person)).redirect(url, 303);
  }
}

/** Whether another user is signed in with this browser, so that `person` cannot sign in. */
export function isHeldByAnother({ session }: Interaction, { person_id: id }: Person): boolean {
  return session?.accountId !== undefined && session.accountId !== id;
}

export function redirectUriOf({ params }: Interaction): string | undefined {
  return typeof params.redirect_uri === "string" ? params.redirect_uri : undefined;
}
