import { Controller, Get, Inject, Post, Req, Res, UseInterceptors } from "@nestjs/common";
import { OpenTo } from "@tripline/nest-kit/http/open-to";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { AuthConfig } from "../config.js";
import { AUTH_CONFIG } from "../config.js";
import type { Wait } from "../people/sign-in-failures.js";
import { SignInFailures } from "../people/sign-in-failures.js";
import { SecondFactors } from "../second-factor/second-factors.js";
import type { SignedIn } from "./account.js";
import { Account } from "./account.js";
import type { readForm } from "./forms.js";
import { sendPage, tooManyAttempts } from "./forms.js";
import { enrolPage, messagePage, recoveryCodesPage, removePage } from "./sign-in-pages.js";

const TITLE = "Your second factor";
const WRONG = "The password or the code is wrong.";

/** Lets a signed-in user set up or remove an authenticator app. Both require the password again. */
@OpenTo("users who are signed in to auth")
@Controller("/account/second-factor")
@UseInterceptors(TraceInterceptor)
export class AccountController {
  constructor(
    @Inject(Account) private readonly account: Account,
    @Inject(SecondFactors) private readonly secondFactors: SecondFactors,
    @Inject(SignInFailures) private readonly failures: SignInFailures,
    @Inject(AUTH_CONFIG) private readonly config: AuthConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Get()
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const signedIn = await this.account.signedIn(request, reply, TITLE);
    if (signedIn === undefined) return;
    const { person } = signedIn;
    const csrf = this.account.csrf(signedIn);
    const page = person.has_app
      ? removePage({ csrf })
      : enrolPage({
          csrf,
          enrolment: this.secondFactors.begin(person.person_id, person.user_name),
          asksPassword: true,
        });
    sendPage(reply, 200, page);
  }

  @Post()
  async change(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const submitted = await this.account.submitted(request, reply, TITLE);
    if (submitted === undefined) return;
    const { signedIn, form } = submitted;
    const { person_id: personId, user_name: userName, has_app: hasApp } = signedIn.person;
    let done: string | undefined;
    const outcome = await this.#attempt(signedIn, form, request, async () => {
      done = hasApp ? await this.#remove(personId, form.code) : await this.#enrol(personId, form);
      return done !== undefined;
    });
    if (done !== undefined) return sendPage(reply, 200, done);
    const error = typeof outcome === "object" ? tooManyAttempts(reply, outcome) : WRONG;
    const page = hasApp
      ? removePage({ csrf: form.csrf, error })
      : enrolPage({
          csrf: form.csrf,
          error,
          asksPassword: true,
          enrolment: this.secondFactors.again(personId, userName, form.sealed),
        });
    sendPage(reply, typeof outcome === "object" ? 429 : 422, page);
  }

  /** Checks the password, then the code. Each has its own limit of failures. */
  async #attempt(
    signedIn: SignedIn,
    form: ReturnType<typeof readForm>,
    request: FastifyRequest,
    check: () => Promise<boolean>,
  ): Promise<boolean | Wait> {
    const outcome = await this.account.attemptPassword(signedIn, form.password, request);
    if (outcome !== true) return outcome;
    return this.failures.attemptCode(signedIn.person.person_id, this.account.originOf(signedIn, request), check);
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
    this.logger.info({ person_id: personId }, "second factor removed");
    const again =
      this.config.SECOND_FACTOR === "required" ? " You will be asked for a new one at your next sign-in." : "";
    return messagePage(TITLE, `Your second factor was removed.${again}`);
  }
}
