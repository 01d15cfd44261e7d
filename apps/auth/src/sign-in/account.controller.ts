import { Body, Controller, Get, Inject, Post, Req, Res, UseInterceptors } from "@nestjs/common";
import { OpenTo } from "@tripline/nest-kit/http/open-to";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Queries } from "@tripline/service-kit/postgres/connect-database";
import type { Logger } from "@tripline/service-kit/telemetry/logger";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { AuthConfig } from "../config.js";
import { AUTH_CONFIG } from "../config.js";
import { PasswordSignIn } from "../people/password-sign-in.js";
import { PASSWORD_CHARACTERS_MAX } from "../people/person-registration.js";
import type { Person } from "../people/person-store.js";
import { personWithId } from "../people/person-store.js";
import { SignInFailures } from "../people/sign-in-failures.js";
import { OAuthServer } from "../provider/oauth-server.js";
import { SecondFactors } from "../second-factor/second-factors.js";
import { addressOf, FormGuard, readForm, sendPage, tooManyAttempts } from "./forms.js";
import { enrolPage, messagePage, recoveryCodesPage, removePage } from "./sign-in-pages.js";

const TITLE = "Your second factor";
const WRONG = "The password or the code is wrong.";

/** Where people who are signed in set up a second factor, or give it up. Both ask for the password again. */
@OpenTo("who is signed in at auth")
@Controller("/account/second-factor")
@UseInterceptors(TraceInterceptor)
export class AccountController {
  constructor(
    @Inject(OAuthServer) private readonly server: OAuthServer,
    @Inject(PasswordSignIn) private readonly passwords: PasswordSignIn,
    @Inject(SecondFactors) private readonly secondFactors: SecondFactors,
    @Inject(SignInFailures) private readonly failures: SignInFailures,
    @Inject(FormGuard) private readonly guard: FormGuard,
    @Inject(DATABASE) private readonly queries: Queries,
    @Inject(AUTH_CONFIG) private readonly config: AuthConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Get()
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const signedIn = await this.#signedIn(request, reply);
    if (signedIn === undefined) return;
    const { person, subject } = signedIn;
    const csrf = this.guard.token(subject);
    const page = person.has_second_factor
      ? removePage({ csrf })
      : enrolPage({
          csrf,
          enrolment: this.secondFactors.begin(person.person_id, person.user_name),
          asksPassword: true,
        });
    sendPage(reply, 200, page);
  }

  @Post()
  async change(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() body: unknown): Promise<void> {
    const signedIn = await this.#signedIn(request, reply);
    if (signedIn === undefined) return;
    const { person, subject } = signedIn;
    const form = readForm(body);
    if (!this.guard.isOwn(request, form.csrf, subject)) {
      return sendPage(reply, 403, messagePage(TITLE, "The form was not made for this browser. Open the page again."));
    }
    const { person_id: personId, user_name: userName } = person;
    let done: string | undefined;
    const outcome = await this.#attempt(person, form, addressOf(request), async () => {
      done = person.has_second_factor ? await this.#remove(personId, form.code) : await this.#enrol(personId, form);
      return done !== undefined;
    });
    if (done !== undefined) return sendPage(reply, 200, done);
    const error = typeof outcome === "number" ? tooManyAttempts(reply, outcome) : WRONG;
    const page = person.has_second_factor
      ? removePage({ csrf: form.csrf, error })
      : enrolPage({
          ...{ csrf: form.csrf, error, asksPassword: true },
          enrolment: this.secondFactors.again(personId, userName, form.sealed),
        });
    sendPage(reply, typeof outcome === "number" ? 429 : 422, page);
  }

  /** The password first, with the failures of signing in, then the code with those of codes. */
  async #attempt(
    person: Person,
    form: ReturnType<typeof readForm>,
    address: string,
    check: () => Promise<boolean>,
  ): Promise<boolean | number> {
    if (form.password.length > PASSWORD_CHARACTERS_MAX) return false;
    const known = await this.passwords.attempt(person.user_name, form.password, address);
    if (typeof known === "number") return known;
    if (known?.person_id !== person.person_id) return false;
    return this.failures.attemptCode(person.person_id, address, check);
  }

  async #enrol(personId: string, form: ReturnType<typeof readForm>): Promise<string | undefined> {
    const codes = await this.secondFactors.confirm(personId, form.sealed, form.code);
    if (codes === undefined) return undefined;
    this.logger.info({ person_id: personId }, "second factor set up");
    return recoveryCodesPage(codes);
  }

  async #remove(personId: string, code: string): Promise<string | undefined> {
    if (!(await this.secondFactors.use(personId, code))) return undefined;
    await this.secondFactors.remove(personId);
    this.logger.info({ person_id: personId }, "second factor given up");
    const again =
      this.config.SECOND_FACTOR === "required" ? " You will be asked for a new one at your next sign-in." : "";
    return messagePage(TITLE, `The second factor is given up.${again}`);
  }

  /** Who is signed in in this browser; where nobody is, it is answered. */
  async #signedIn(request: FastifyRequest, reply: FastifyReply) {
    const { provider } = this.server;
    const session = await provider.Session.get(provider.createContext(request.raw, reply.raw));
    const person = session.accountId === undefined ? undefined : await personWithId(this.queries, session.accountId);
    if (person !== undefined) return { person, subject: `account ${session.uid}` };
    sendPage(
      reply,
      401,
      messagePage(TITLE, "Nobody is signed in here. Sign in to the console, then open this page again."),
    );
    return undefined;
  }
}
