import { Inject, Injectable } from "@nestjs/common";
import { TrustedProxies } from "@tripline/http/client-address";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import type { FastifyReply, FastifyRequest } from "fastify";
import { PasswordSignIn } from "../people/password-sign-in.js";
import { PASSWORD_CHARACTERS_MAX } from "../people/person-registration.js";
import type { Person } from "../people/person-store.js";
import { personWithId } from "../people/person-store.js";
import type { Wait } from "../people/sign-in-failures.js";
import { OAuthServer } from "../provider/oauth-server.js";
import { FormGuard, readForm, sendPage } from "./forms.js";
import { messagePage } from "./sign-in-pages.js";

export interface SignedIn {
  readonly person: Person;
  /** A value that only this browser knows, and to which its forms are bound. */
  readonly subject: string;
  /** Identifies the current session, so that a change can keep it and end all others. */
  readonly sessionUid: string;
}

const FOREIGN = "This form was opened in another browser, or it has expired. Reload the page.";

/**
 * Common parts of the pages on which a signed-in user changes how to sign in. Each change requires the password again.
 */
@Injectable()
export class Account {
  constructor(
    @Inject(OAuthServer) private readonly server: OAuthServer,
    @Inject(PasswordSignIn) private readonly passwords: PasswordSignIn,
    @Inject(FormGuard) private readonly guard: FormGuard,
    @Inject(TrustedProxies) private readonly proxies: TrustedProxies,
    @Inject(DATABASE) private readonly queries: Queries,
  ) {}

  /** The user who is signed in. If there is none, sends an error page. */
  async signedIn(request: FastifyRequest, reply: FastifyReply, title: string): Promise<SignedIn | undefined> {
    const { provider } = this.server;
    const session = await provider.Session.get(provider.createContext(request.raw, reply.raw));
    const person = session.accountId === undefined ? undefined : await personWithId(this.queries, session.accountId);
    if (person !== undefined) return { person, subject: `account ${session.uid}`, sessionUid: session.uid };
    const detail = "You are not signed in. Sign in to the console, then open this page again.";
    sendPage(reply, 401, messagePage(title, detail));
    return undefined;
  }

  csrf({ subject }: SignedIn): string {
    return this.guard.token(subject);
  }

  /** The submitted form and its user. Without a session, or for a form from another browser, sends an error page. */
  async submitted(
    request: FastifyRequest,
    reply: FastifyReply,
    title: string,
  ): Promise<{ signedIn: SignedIn; form: ReturnType<typeof readForm> } | undefined> {
    const signedIn = await this.signedIn(request, reply, title);
    if (signedIn === undefined) return undefined;
    const form = readForm(request.body);
    if (this.guard.isOwn(request, form.csrf, signedIn.subject)) return { signedIn, form };
    sendPage(reply, 403, messagePage(title, FOREIGN));
    return undefined;
  }

  /** Checks the user's password, within the limit for sign-ins. @returns how long to wait after too many failures */
  async attemptPassword(signedIn: SignedIn, password: string, request: FastifyRequest): Promise<boolean | Wait> {
    if (password.length > PASSWORD_CHARACTERS_MAX) return false;
    const { person } = signedIn;
    const outcome = await this.passwords.attempt({
      userName: person.user_name,
      password,
      ...this.originOf(signedIn, request),
    });
    return outcome !== undefined && "seconds" in outcome ? outcome : outcome?.person.person_id === person.person_id;
  }

  /** The origin of a signed-in user's attempts. Failures elsewhere do not count against it. */
  originOf({ sessionUid }: SignedIn, { raw }: FastifyRequest): { readonly address: string; readonly device: string } {
    return { address: this.proxies.addressOf(raw), device: `session ${sessionUid}` };
  }
}
