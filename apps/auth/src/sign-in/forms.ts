import { createHmac, timingSafeEqual } from "node:crypto";
import { Inject, Injectable } from "@nestjs/common";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { AuthConfig } from "../config.js";
import { AUTH_CONFIG } from "../config.js";
import type { Wait } from "../people/sign-in-failures.js";
import { deriveKey } from "../provider/derive-key.js";
import { pageHeaders } from "./page.js";
import { PASSKEY_SCRIPT } from "./passkey-script.js";

const FIELD_CHARACTERS_MAX = 1_024;

const field = z.string().max(FIELD_CHARACTERS_MAX).catch("");
/** An authenticator's response has a few hundred characters, with certificates a few thousand. */
const PASSKEY_CHARACTERS_MAX = 16_384;
const fields = z.object({
  csrf: field,
  user_name: field,
  password: field,
  new_password: field,
  code: field,
  sealed: field,
  name: field,
  action: field,
  organisation: field,
  passkey_id: z.string().max(1_400).catch(""),
  passkey: z.string().max(PASSKEY_CHARACTERS_MAX).catch(""),
  passkey_sealed: field,
});

/** Fields of a submitted form; a missing or too long field is empty. */
export function readForm(body: unknown): z.infer<typeof fields> {
  const parsed = fields.safeParse(body);
  return parsed.success ? parsed.data : fields.parse({});
}

/** Protects forms against cross-site request forgery. */
@Injectable()
export class FormGuard {
  readonly #key: Uint8Array;
  /** Origin of the pages. */
  readonly #origin: string;

  constructor(@Inject(AUTH_CONFIG) config: Pick<AuthConfig, "KEY_ENCRYPTION_KEY" | "AUTH_ISSUER">) {
    this.#key = deriveKey(config.KEY_ENCRYPTION_KEY, "forms");
    this.#origin = config.AUTH_ISSUER;
  }

  /** The hidden CSRF field of a form. @param subject value known only to this browser */
  token(subject: string): string {
    return createHmac("sha256", this.#key).update(subject).digest("base64url");
  }

  /**
   * Whether a form is from this site and browser. Current browsers do not send the cookie with forms from other sites;
   * old browsers do.
   */
  isOwn(request: FastifyRequest, sent: string, subject: string): boolean {
    const { origin } = request.headers;
    const [given, expected] = [Buffer.from(sent), Buffer.from(this.token(subject))];
    const isKnown = given.length === expected.length && timingSafeEqual(given, expected);
    return isKnown && (origin === undefined || origin === this.#origin);
  }
}

/** @param leadsTo the URL to which a form of the page may redirect */
export function sendPage(reply: FastifyReply, status: number, page: string, leadsTo?: string): void {
  void reply
    .status(status)
    .headers(pageHeaders(leadsTo, page.includes(PASSKEY_SCRIPT)))
    .send(page);
}

/** The message for a user who has to wait. */
export function tooManyAttempts(reply: FastifyReply, { seconds }: Pick<Wait, "seconds">): string {
  reply.header("retry-after", String(seconds));
  const minutes = Math.ceil(seconds / 60);
  return `Too many attempts. Try again in ${minutes === 1 ? "a minute" : `${minutes} minutes`}.`;
}
