import { Body, Controller, Get, Inject, Post, Req, Res, UseInterceptors } from "@nestjs/common";
import { TrustedProxies } from "@tripline/http/client-address";
import { OpenTo } from "@tripline/nest-kit/http/open-to";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import { counter } from "@tripline/telemetry/metrics";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Interaction } from "oidc-provider";
import type { AuthConfig } from "../config.js";
import { AUTH_CONFIG } from "../config.js";
import { USER_NAME_CHARACTERS_MAX } from "../people/canonical-user-name.js";
import { KnownDevices } from "../people/known-devices.js";
import { PasswordSignIn } from "../people/password-sign-in.js";
import { PASSWORD_CHARACTERS_MAX } from "../people/person-registration.js";
import type { Person } from "../people/person-store.js";
import { personWithId } from "../people/person-store.js";
import type { Wait } from "../people/sign-in-failures.js";
import { SignInFailures } from "../people/sign-in-failures.js";
import { Passkeys } from "../second-factor/passkeys.js";
import { SecondFactors } from "../second-factor/second-factors.js";
import { BreakGlass } from "../single-sign-on/break-glass.js";
import { hasProviders } from "../single-sign-on/provider-store.js";
import { FormGuard, readForm, sendPage, tooManyAttempts } from "./forms.js";
import { EXPIRED, Interactions, isHeldByAnother, redirectUriOf } from "./interactions.js";
import { codePage, enrolPage, messagePage, passwordPage, recoveryCodesPage } from "./sign-in-pages.js";
import type { Passed } from "./sign-in-steps.js";
import { nextStep, PASSWORD_ALONE, passedIn, WITH_CODE, WITH_PASSKEY } from "./sign-in-steps.js";

const WRONG = "The user name or the password is wrong.";
const WRONG_PASSKEY = "The passkey was not accepted. Try again.";
const WRONG_CODE = "The code is wrong or was already used. Wait for the next one.";

type Outcome = "signed-in" | "password-right" | "refused" | "code-refused" | "locked" | "foreign-form";

/** A sign-in in progress, and its responses. */
interface Attempt {
  readonly interaction: Interaction;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly form: ReturnType<typeof readForm>;
}

/** The sign-in pages. The library redirects browsers here and continues once the user is known. */
@OpenTo("anyone")
@Controller("/sign-in")
@UseInterceptors(TraceInterceptor)
export class SignInController {
  readonly #outcomes = counter("tripline_auth_sign_ins_total", {
    description: "Passwords and codes that people sent",
    labels: ["outcome"],
  });

  constructor(
    @Inject(Interactions) private readonly interactions: Interactions,
    @Inject(BreakGlass) private readonly breakGlass: BreakGlass,
    @Inject(PasswordSignIn) private readonly passwords: PasswordSignIn,
    @Inject(SecondFactors) private readonly secondFactors: SecondFactors,
    @Inject(Passkeys) private readonly passkeys: Passkeys,
    @Inject(SignInFailures) private readonly failures: SignInFailures,
    @Inject(KnownDevices) private readonly devices: KnownDevices,
    @Inject(TrustedProxies) private readonly proxies: TrustedProxies,
    @Inject(FormGuard) private readonly guard: FormGuard,
    @Inject(DATABASE) private readonly queries: Queries,
    @Inject(AUTH_CONFIG) private readonly config: AuthConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Get(":uid")
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const interaction = await this.interactions.find(request, reply);
    if (interaction === undefined) return;
    const csrf = this.guard.token(interaction.uid);
    const person = await this.#personOf(passedIn(interaction));
    const step = person === undefined ? "password" : this.#nextStep(person);
    const leadsTo = redirectUriOf(interaction);
    if (person !== undefined && step === "code") {
      return sendPage(reply, 200, await this.#codePage(interaction, person, csrf), leadsTo);
    }
    if (person !== undefined && step === "enrol") {
      const enrolment = this.secondFactors.begin(person.person_id, person.user_name);
      return sendPage(reply, 200, enrolPage({ csrf, enrolment, asksPassword: false }), leadsTo);
    }
    const sso = ssoOf(interaction, await hasProviders(this.queries));
    sendPage(reply, 200, passwordPage({ csrf, userName: hintOf(interaction), ...sso }), leadsTo);
  }

  @Post(":uid")
  async submit(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() body: unknown): Promise<void> {
    const interaction = await this.interactions.find(request, reply);
    if (interaction === undefined) return;
    const form = readForm(body);
    if (!this.guard.isOwn(request, form.csrf, interaction.uid)) {
      this.#count("foreign-form");
      return sendPage(reply, 403, messagePage("Sign in", EXPIRED));
    }
    const attempt: Attempt = { interaction, request, reply, form };
    const passed = passedIn(interaction);
    const person = await this.#personOf(passed);
    if (passed === undefined || person === undefined) return this.#checkPassword(attempt);
    if (passed.isComplete) return this.#finish(attempt, person, WITH_CODE);
    return person.has_second_factor ? this.#checkCode(attempt, person) : this.#enrol(attempt, person);
  }

  async #checkPassword(attempt: Attempt): Promise<void> {
    const { interaction, request, reply, form } = attempt;
    const hasSso = await hasProviders(this.queries);
    const again = (status: number, error: string, asksCode = form.code !== ""): void => {
      const page = passwordPage({
        csrf: form.csrf,
        userName: form.user_name,
        error,
        asksCode,
        ...ssoOf(interaction, hasSso),
      });
      sendPage(reply, status, page, redirectUriOf(interaction));
    };
    if (form.user_name.trim() === "" || form.password === "") {
      return again(422, "Enter your user name and your password.");
    }
    const isTooLong = form.password.length > PASSWORD_CHARACTERS_MAX;
    const outcome = isTooLong
      ? undefined
      : await this.passwords.attempt({
          userName: form.user_name,
          password: form.password,
          address: this.proxies.addressOf(request.raw),
          cookies: request.headers.cookie,
          code: form.code,
        });
    if (outcome !== undefined && "seconds" in outcome) {
      this.#count("locked");
      return again(429, tooManyAttempts(reply, outcome), outcome.isOfName);
    }
    if (outcome === undefined) {
      this.#count("refused");
      return again(422, WRONG);
    }
    const { person, hasCode } = outcome;
    if (isHeldByAnother(interaction, person)) {
      return sendPage(reply, 409, messagePage("Sign in", "Another user is signed in here. Sign out first."));
    }
    if (await this.breakGlass.mustUseProvider(person)) {
      this.#count("refused");
      return again(403, "Your organisation requires single sign-on. Use it below.");
    }
    if (hasCode) return this.#finish(attempt, person, WITH_CODE);
    if (this.#nextStep(person) === "done") return this.#finish(attempt, person, PASSWORD_ALONE);
    this.#count("password-right");
    await this.interactions.keep(request, reply, {
      passed: { personId: person.person_id, atMs: Date.now(), isComplete: false },
    });
    reply.redirect(`/sign-in/${interaction.uid}`, 303);
  }

  async #checkCode(attempt: Attempt, person: Person): Promise<void> {
    const { interaction, reply, form } = attempt;
    const hasPasskey = form.passkey !== "";
    const outcome = await this.#attemptCode(attempt, person, () =>
      hasPasskey
        ? this.passkeys.use(person.person_id, interaction.uid, form.passkey_sealed, form.passkey)
        : this.secondFactors.use(person.person_id, form.code),
    );
    if (outcome === true) return this.#finish(attempt, person, hasPasskey ? WITH_PASSKEY : WITH_CODE);
    const wrong = hasPasskey ? WRONG_PASSKEY : WRONG_CODE;
    const error = outcome === false ? wrong : tooManyAttempts(reply, outcome);
    const page = await this.#codePage(interaction, person, form.csrf, error);
    sendPage(reply, outcome === false ? 422 : 429, page, redirectUriOf(interaction));
  }

  async #codePage({ uid }: Interaction, person: Person, csrf: string, error?: string): Promise<string> {
    const ceremony = await this.passkeys.beginUsing(person.person_id, uid);
    return codePage({ csrf, error, hasApp: person.has_app, ceremony });
  }

  async #enrol(attempt: Attempt, person: Person): Promise<void> {
    const { interaction, request, reply, form } = attempt;
    const { person_id: personId, user_name: userName } = person;
    let codes: readonly string[] | undefined;
    const outcome = await this.#attemptCode(attempt, person, async () => {
      codes = await this.secondFactors.confirm(personId, form.sealed, form.code);
      return codes !== undefined;
    });
    const leadsTo = redirectUriOf(interaction);
    if (codes !== undefined) {
      this.logger.info({ person_id: personId }, "second factor set up");
      await this.interactions.keep(request, reply, { passed: { personId, atMs: Date.now(), isComplete: true } });
      return sendPage(reply, 200, recoveryCodesPage(codes, form.csrf), leadsTo);
    }
    const error = typeof outcome === "object" ? tooManyAttempts(reply, outcome) : WRONG_CODE;
    const enrolment = this.secondFactors.again(personId, userName, form.sealed);
    const page = enrolPage({ csrf: form.csrf, enrolment, asksPassword: false, error });
    sendPage(reply, typeof outcome === "object" ? 429 : 422, page, leadsTo);
  }

  async #attemptCode(attempt: Attempt, person: Person, check: () => Promise<boolean>): Promise<boolean | Wait> {
    const { request } = attempt;
    const device = this.devices.deviceOf(person, request.headers.cookie);
    const origin = { address: this.proxies.addressOf(request.raw), device };
    const outcome = await this.failures.attemptCode(person.person_id, origin, check);
    if (outcome !== true) this.#count(outcome === false ? "code-refused" : "locked");
    return outcome;
  }

  async #finish({ request, reply }: Attempt, person: Person, amr: string[]): Promise<void> {
    this.#count("signed-in");
    await this.breakGlass.note(person);
    await this.interactions.finish(request, reply, person, amr);
  }

  #personOf(passed: Passed | undefined): Promise<Person | undefined> {
    return passed === undefined ? Promise.resolve(undefined) : personWithId(this.queries, passed.personId);
  }

  #nextStep(person: Person) {
    return nextStep(person, this.config.SECOND_FACTOR === "required");
  }

  #count(outcome: Outcome): void {
    this.#outcomes.inc({ outcome });
    if (outcome !== "signed-in" && outcome !== "password-right") this.logger.info({ outcome }, "sign-in rejected");
  }
}

function hintOf({ params }: Interaction): string {
  return typeof params.login_hint === "string" ? params.login_hint.slice(0, USER_NAME_CHARACTERS_MAX) : "";
}

/** The path of the form for single sign-on, if any tenant has a provider. */
function ssoOf({ uid }: Interaction, hasSso: boolean): { readonly ssoPath?: string } {
  return hasSso ? { ssoPath: `/sign-in/${uid}/single-sign-on` } : {};
}
