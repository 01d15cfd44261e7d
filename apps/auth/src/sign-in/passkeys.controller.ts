import { Controller, Get, Inject, Post, Req, Res, UseInterceptors } from "@nestjs/common";
import { OpenTo } from "@tripline/nest-kit/http/open-to";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import type { FastifyReply, FastifyRequest } from "fastify";
import { Passkeys } from "../second-factor/passkeys.js";
import type { SignedIn } from "./account.js";
import { Account } from "./account.js";
import { passkeysPage } from "./account-pages.js";
import { sendPage, tooManyAttempts } from "./forms.js";

const TITLE = "Your passkeys";
const NAME_CHARACTERS_MAX = 64;

/** Lets a signed-in user add or remove passkeys as second factors. Both require the password again. */
@OpenTo("users who are signed in to auth")
@Controller("/account/passkeys")
@UseInterceptors(TraceInterceptor)
export class PasskeysController {
  constructor(
    @Inject(Account) private readonly account: Account,
    @Inject(Passkeys) private readonly passkeys: Passkeys,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Get()
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const signedIn = await this.account.signedIn(request, reply, TITLE);
    if (signedIn !== undefined) await this.#send(reply, 200, signedIn);
  }

  @Post()
  async change(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const submitted = await this.account.submitted(request, reply, TITLE);
    if (submitted === undefined) return;
    const { signedIn, form } = submitted;
    const outcome = await this.account.attemptPassword(signedIn, form.password, request);
    if (typeof outcome === "object") return this.#send(reply, 429, signedIn, tooManyAttempts(reply, outcome));
    if (!outcome) return this.#send(reply, 422, signedIn, "The password is wrong.");
    const { person, subject } = signedIn;
    const name = form.name.trim().slice(0, NAME_CHARACTERS_MAX);
    const isDone =
      form.action === "remove"
        ? await this.passkeys.remove(person, form.passkey_id)
        : name !== "" && (await this.passkeys.add(person, subject, form.passkey_sealed, form.passkey, name));
    if (!isDone) return this.#send(reply, 422, signedIn, "The passkey could not be saved. Try again.");
    this.logger.info({ person_id: person.person_id, action: form.action }, "passkeys changed");
    await this.#send(reply, 200, signedIn);
  }

  async #send(reply: FastifyReply, status: number, signedIn: SignedIn, error?: string): Promise<void> {
    const { person, subject } = signedIn;
    const [held, ceremony] = await Promise.all([
      this.passkeys.list(person.person_id),
      this.passkeys.isPossible ? this.passkeys.beginAdding(person, subject) : undefined,
    ]);
    sendPage(reply, status, passkeysPage({ csrf: this.account.csrf(signedIn), error, held, ceremony }));
  }
}
