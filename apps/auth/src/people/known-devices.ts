import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { Inject, Injectable } from "@nestjs/common";
import type { AuthConfig } from "../config.js";
import { AUTH_CONFIG } from "../config.js";
import { deriveKey } from "../provider/derive-key.js";

const DAYS = 180;
const DAY_SECONDS = 86_400;
const ID_BYTES = 16;

/** The user who has signed in with the browser. */
interface Owner {
  readonly person_id: string;
  /** A new password makes all devices unknown. */
  readonly password_hash: string | null;
}

/**
 * Browsers in which a user has signed in, recognised by a signed cookie. A known device does not prove who the user is.
 * It only gets a separate count of failed attempts, so that an attacker's wrong passwords do not lock out the owner.
 */
@Injectable()
export class KnownDevices {
  readonly #key: Uint8Array;
  readonly #isSecure: boolean;

  constructor(
    @Inject(AUTH_CONFIG) config: Pick<AuthConfig, "KEY_ENCRYPTION_KEY" | "AUTH_ISSUER">,
    private readonly now: () => number = Date.now,
  ) {
    this.#key = deriveKey(config.KEY_ENCRYPTION_KEY, "known devices");
    this.#isSecure = config.AUTH_ISSUER.startsWith("https:");
  }

  /** The `Set-Cookie` value that makes a browser known. A browser keeps only the cookie of the last user. */
  cookieFor(owner: Owner): string {
    const expiresAtSeconds = Math.floor(this.now() / 1_000) + DAYS * DAY_SECONDS;
    const id = randomBytes(ID_BYTES).toString("base64url");
    const value = `${id}.${expiresAtSeconds}.${this.#sign(owner, id, expiresAtSeconds)}`;
    const attributes = [`Max-Age=${DAYS * DAY_SECONDS}`, "Path=/sign-in", "HttpOnly", "SameSite=Lax"];
    return [`device=${value}`, ...attributes, ...(this.#isSecure ? ["Secure"] : [])].join("; ");
  }

  /** The ID of the device if it belongs to this user. @param cookies the `Cookie` header */
  deviceOf(owner: Owner | undefined, cookies: string | undefined): string | undefined {
    const [, id = "", expires = "", signature = ""] =
      /(?:^|;\s*)device=([\w-]{22})\.(\d{1,12})\.([\w-]{43})(?:;|$)/.exec(cookies ?? "") ?? [];
    // Also computed for an unknown user, so that response times do not reveal which users exist.
    const expected = this.#sign(owner ?? { person_id: "", password_hash: null }, id, Number(expires));
    const [given, right] = [Buffer.from(signature), Buffer.from(expected)];
    const isOwn = given.length === right.length && timingSafeEqual(given, right);
    return owner !== undefined && isOwn && Number(expires) * 1_000 > this.now() ? id : undefined;
  }

  #sign({ person_id: personId, password_hash: hash }: Owner, id: string, expiresAtSeconds: number): string {
    const signed = JSON.stringify([personId, hash, id, expiresAtSeconds]);
    return createHmac("sha256", this.#key).update(signed).digest("base64url");
  }
}
