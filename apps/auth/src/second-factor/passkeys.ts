import { isIP } from "node:net";
import { Inject, Injectable } from "@nestjs/common";
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from "@simplewebauthn/server";
import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from "@simplewebauthn/server";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { openBytes, sealBytes } from "@tripline/sealing/seal-bytes";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { noteAction } from "../admin/note-action.js";
import type { AuthConfig } from "../config.js";
import { AUTH_CONFIG } from "../config.js";
import { deriveKey } from "../provider/derive-key.js";

const PASSKEYS_MAX = 10;
/** Time limit between showing the page and the authenticator's response. */
const CHALLENGE_MS_MAX = 300_000;
const RP_NAME = "Tripline";

const passkeyRow = z.object({
  credential_id: z.string(),
  name: z.string(),
  public_key: z.instanceof(Uint8Array),
  counter: z.coerce.number(),
  transports: z.array(z.string()),
  created_at: z.date(),
});

export type Passkey = z.infer<typeof passkeyRow>;

const challenge = z.object({ challenge: z.string(), endsMs: z.number() });
/** The output of a browser's `toJSON`. The library validates all other fields. */
const answer = z.looseObject({ id: z.string().max(1_400), type: z.literal("public-key") });

/** Options for the authenticator, and the state that the form returns. */
export interface Ceremony {
  /** JSON, for `navigator.credentials`. */
  readonly options: string;
  readonly sealed: string;
}

/** The user and tenant, for the audit log. */
export interface Owner {
  readonly person_id: string;
  readonly user_name: string;
  readonly name: string;
  readonly tenant: string;
}

/** Passkeys as a second factor (WebAuthn): an authenticator signs our challenge, but only for our origin. */
@Injectable()
export class Passkeys {
  readonly #origin: string;
  readonly #rpId: string;
  readonly #key: Uint8Array;

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(AUTH_CONFIG) config: Pick<AuthConfig, "KEY_ENCRYPTION_KEY" | "AUTH_ISSUER">,
    private readonly now: () => number = Date.now,
  ) {
    this.#key = deriveKey(config.KEY_ENCRYPTION_KEY, "second factors");
    const { origin, hostname } = new URL(config.AUTH_ISSUER);
    this.#origin = origin;
    this.#rpId = hostname;
  }

  /** Browsers bind passkeys to a domain name and do not support IP addresses. */
  get isPossible(): boolean {
    return isIP(this.#rpId.replace(/^\[|\]$/g, "")) === 0;
  }

  list(personId: string): Promise<Passkey[]> {
    return this.database.query(
      passkeyRow,
      `SELECT credential_id, name, public_key, counter, transports, created_at FROM auth.passkeys
       WHERE person_id = $1 ORDER BY created_at`,
      [personId],
    );
  }

  /** @param subject a value known only to this browser */
  async beginAdding(owner: Owner, subject: string): Promise<Ceremony> {
    const held = await this.list(owner.person_id);
    const options = await generateRegistrationOptions({
      rpName: RP_NAME,
      rpID: this.#rpId,
      userName: owner.user_name,
      userDisplayName: owner.name,
      userID: new Uint8Array(Buffer.from(owner.person_id)),
      attestationType: "none",
      excludeCredentials: held.map(({ credential_id: id }) => ({ id })),
      authenticatorSelection: { residentKey: "discouraged", userVerification: "preferred" },
      timeout: CHALLENGE_MS_MAX,
    });
    return { options: JSON.stringify(options), sealed: this.#seal(options.challenge, `add ${subject}`) };
  }

  /** @param sent the authenticator's response as JSON @returns whether the passkey was added */
  async add(owner: Owner, subject: string, sealed: string, sent: string, name: string): Promise<boolean> {
    const [expectedChallenge, response] = [this.#open(sealed, `add ${subject}`), parseAnswer(sent)];
    if (expectedChallenge === undefined || response === undefined) return false;
    const { registrationInfo } = await verifyRegistrationResponse({
      response: response as unknown as RegistrationResponseJSON,
      expectedChallenge,
      expectedOrigin: this.#origin,
      expectedRPID: this.#rpId,
      requireUserVerification: false,
    }).catch(() => ({ registrationInfo: undefined }));
    if (registrationInfo === undefined) return false;
    const { id, publicKey, counter, transports = [] } = registrationInfo.credential;
    return this.database.transaction(async (transaction) => {
      const added = await transaction.execute(
        `INSERT INTO auth.passkeys (credential_id, person_id, name, public_key, counter, transports)
         SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT count(*) FROM auth.passkeys WHERE person_id = $2) < $7
         ON CONFLICT (credential_id) DO NOTHING`,
        [id, owner.person_id, name, Buffer.from(publicKey), counter, transports, PASSKEYS_MAX],
      );
      if (added > 0) await noteAction(transaction, ownerAsActor(owner), "passkey-add", noted(owner));
      return added > 0;
    });
  }

  async remove(owner: Owner, credentialId: string): Promise<boolean> {
    return this.database.transaction(async (transaction) => {
      const removed = await transaction.execute(
        "DELETE FROM auth.passkeys WHERE person_id = $1 AND credential_id = $2",
        [owner.person_id, credentialId],
      );
      if (removed > 0) await noteAction(transaction, ownerAsActor(owner), "passkey-remove", noted(owner));
      return removed > 0;
    });
  }

  /** @returns undefined if the user has no passkey */
  async beginUsing(personId: string, subject: string): Promise<Ceremony | undefined> {
    const held = await this.list(personId);
    if (held.length === 0 || !this.isPossible) return undefined;
    const options = await generateAuthenticationOptions({
      rpID: this.#rpId,
      allowCredentials: held.map(({ credential_id: id }) => ({ id })),
      userVerification: "preferred",
      timeout: CHALLENGE_MS_MAX,
    });
    return { options: JSON.stringify(options), sealed: this.#seal(options.challenge, `use ${subject}`) };
  }

  /** Whether one of the user's passkeys signed the challenge. A decreasing counter indicates a copied passkey. */
  async use(personId: string, subject: string, sealed: string, sent: string): Promise<boolean> {
    const [expectedChallenge, response] = [this.#open(sealed, `use ${subject}`), parseAnswer(sent)];
    const held = (await this.list(personId)).find(({ credential_id: id }) => id === response?.id);
    if (expectedChallenge === undefined || response === undefined || held === undefined) return false;
    const { credential_id: id, counter } = held;
    const outcome = await verifyAuthenticationResponse({
      response: response as unknown as AuthenticationResponseJSON,
      expectedChallenge,
      expectedOrigin: this.#origin,
      expectedRPID: this.#rpId,
      requireUserVerification: false,
      credential: { id, counter, publicKey: new Uint8Array(held.public_key) },
    }).catch(() => undefined);
    if (outcome?.verified !== true) return false;
    const { newCounter } = outcome.authenticationInfo;
    const used = await this.database.execute(
      "UPDATE auth.passkeys SET counter = $2, used_at = now() WHERE credential_id = $1 AND (counter < $2 OR $2 = 0)",
      [id, newCounter],
    );
    return used > 0;
  }

  #seal(value: string, context: string): string {
    const text = JSON.stringify({ challenge: value, endsMs: this.now() + CHALLENGE_MS_MAX });
    return sealBytes(Buffer.from(text), this.#key, `passkey ${context}`).toString("base64url");
  }

  #open(sealed: string, context: string): string | undefined {
    const opened = openBytes(Buffer.from(sealed, "base64url"), this.#key, `passkey ${context}`);
    if (opened === undefined) return undefined;
    const read = challenge.parse(JSON.parse(opened.toString()));
    return read.endsMs > this.now() ? read.challenge : undefined;
  }
}

export const ownerAsActor = ({ person_id: subject, tenant }: Pick<Owner, "person_id" | "tenant">) => {
  return { subject, tenant, kind: "person" as const };
};

const noted = ({ person_id: id }: Owner) => ({ kind: "person" as const, id });

function parseAnswer(sent: string): z.infer<typeof answer> | undefined {
  try {
    return answer.parse(JSON.parse(sent));
  } catch {
    return undefined;
  }
}
