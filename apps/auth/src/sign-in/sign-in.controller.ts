import { createHmac, timingSafeEqual } from "node:crypto";
import { Body, Controller, Get, Inject, Post, Req, Res, UseInterceptors } from "@nestjs/common";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/service-kit/telemetry/logger";
import { counter } from "@tripline/service-kit/telemetry/metrics";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Interaction } from "oidc-provider";
import { errors, Provider } from "oidc-provider";
import { z } from "zod";
import { PasswordSignIn } from "../people/password-sign-in.js";
import { PASSWORD_CHARACTERS_MAX } from "../people/person-registration.js";
import { pageHeaders } from "./page.js";
import { messagePage, passwordPage } from "./sign-in-pages.js";

/** A key for tokens in forms, 32 bytes. */
export const FORM_KEY = Symbol("FORM_KEY");

const EXPIRED = "This sign-in is over or began in another browser. Go back to where you came from and begin again.";
const WRONG = "The user name or the password is wrong.";
const FIELD_CHARACTERS_MAX = 1_024;

const field = z.string().max(FIELD_CHARACTERS_MAX).catch("");
const passwordForm = z.object({ csrf: field, user_name: field, password: field }).catch({
  csrf: "",
  user_name: "",
  password: "",
});

/** The pages on which people sign in. The library leads a browser here and takes over again when it is known who signs in. */
@Controller("/sign-in")
@UseInterceptors(TraceInterceptor)
export class SignInController {
  readonly #signIns = counter("tripline_auth_sign_ins_total", {
    description: "Passwords and codes that people sent",
    labels: ["outcome"],
  });

  constructor(
    @Inject(Provider) private readonly provider: Provider,
    @Inject(PasswordSignIn) private readonly passwords: PasswordSignIn,
    @Inject(FORM_KEY) private readonly formKey: Uint8Array,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Get(":uid")
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const interaction = await this.#interaction(request, reply);
    if (interaction === undefined) return;
    const page = passwordPage({ csrf: this.#csrf(interaction), userName: hintOf(interaction) });
    send(reply, 200, page, interaction);
  }

  @Post(":uid")
  async submit(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() body: unknown): Promise<void> {
    const interaction = await this.#interaction(request, reply);
    if (interaction === undefined) return;
    const { csrf, user_name: userName, password } = passwordForm.parse(body);
    if (!this.#isOwnForm(request, csrf, interaction)) {
      this.#count("foreign-form");
      send(reply, 403, messagePage("Sign in", EXPIRED));
      return;
    }
    const again = (status: number, error: string): void =>
      send(reply, status, passwordPage({ csrf, userName, error }), interaction);
    if (userName.trim() === "" || password === "") return again(422, "Enter your user name and your password.");
    const isTooLong = password.length > PASSWORD_CHARACTERS_MAX;
    const outcome = isTooLong ? undefined : await this.passwords.attempt(userName, password, addressOf(request));
    if (typeof outcome === "number") {
      this.#count("locked");
      reply.header("retry-after", String(outcome));
      return again(429, `Too many attempts. Try again in ${minutes(outcome)}.`);
    }
    if (outcome === undefined) {
      this.#count("refused");
      return again(422, WRONG);
    }
    const held = interaction.session?.accountId;
    if (held !== undefined && held !== outcome.person_id) {
      return send(reply, 409, messagePage("Sign in", "Somebody else is signed in here. Sign out first."), interaction);
    }
    this.#count("signed-in");
    this.logger.info({ person_id: outcome.person_id, tenant: outcome.tenant }, "signed in");
    const login = { accountId: outcome.person_id, amr: ["pwd"], remember: false };
    reply.redirect(await this.provider.interactionResult(request.raw, reply.raw, { login }), 303);
  }

  /** The sign-in that this browser has begun; where there is none, it is answered. */
  async #interaction(request: FastifyRequest, reply: FastifyReply): Promise<Interaction | undefined> {
    try {
      const interaction = await this.provider.interactionDetails(request.raw, reply.raw);
      if (interaction.prompt.name === "login") return interaction;
    } catch (error) {
      if (!(error instanceof errors.SessionNotFound)) throw error;
    }
    send(reply, 400, messagePage("Sign in", EXPIRED));
    return undefined;
  }

  #csrf(interaction: Interaction): string {
    return createHmac("sha256", this.formKey).update(interaction.uid).digest("base64url");
  }

  /** The cookie alone would do, since browsers do not send it with forms of other sites; some are old. */
  #isOwnForm(request: FastifyRequest, csrf: string, interaction: Interaction): boolean {
    const { origin } = request.headers;
    const [sent, expected] = [Buffer.from(csrf), Buffer.from(this.#csrf(interaction))];
    const isKnown = sent.length === expected.length && timingSafeEqual(sent, expected);
    return isKnown && (origin === undefined || origin === this.provider.issuer);
  }

  #count(outcome: "signed-in" | "refused" | "locked" | "foreign-form"): void {
    this.#signIns.inc({ outcome });
    if (outcome !== "signed-in") this.logger.info({ outcome }, "sign-in refused");
  }
}

function send(reply: FastifyReply, status: number, page: string, interaction?: Interaction): void {
  void reply
    .status(status)
    .headers(pageHeaders(redirectUriOf(interaction)))
    .send(page);
}

function redirectUriOf(interaction: Interaction | undefined): string | undefined {
  const uri = interaction?.params.redirect_uri;
  return typeof uri === "string" ? uri : undefined;
}

function hintOf({ params }: Interaction): string {
  const hint = params.login_hint;
  return typeof hint === "string" ? hint.slice(0, 64) : "";
}

function addressOf(request: FastifyRequest): string {
  return request.raw.socket.remoteAddress ?? "";
}

function minutes(seconds: number): string {
  const count = Math.ceil(seconds / 60);
  return count === 1 ? "a minute" : `${count} minutes`;
}
