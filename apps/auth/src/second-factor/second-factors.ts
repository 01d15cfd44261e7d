import { createHmac, randomBytes } from "node:crypto";
import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { openBytes, sealBytes } from "@tripline/sealing/seal-bytes";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { noteAction } from "../admin/note-action.js";
import type { AuthConfig } from "../config.js";
import { AUTH_CONFIG } from "../config.js";
import { deriveKey } from "../provider/derive-key.js";
import { base32, otpauthUri, stepOf } from "./totp.js";

const SECRET_BYTES = 20;
const RECOVERY_CODES = 10;
/** 80 bits each. With this much entropy, unlike with a password, a plain HMAC is enough. */
const RECOVERY_CODE_BYTES = 10;
const ISSUER = "Tripline";

const tenantRow = z.object({ tenant: z.string() });
const secretRow = z.object({ totp_secret: z.instanceof(Uint8Array).nullable() });

/** A secret that is shown but not yet active. */
export interface Enrolment {
  /** For manual entry. */
  readonly text: string;
  /** For the QR code. */
  readonly uri: string;
  /** The encrypted secret, which the form returns. */
  readonly sealed: string;
}

/** Time-based codes of an authenticator app, and recovery codes in case it is lost. */
@Injectable()
export class SecondFactors {
  readonly #key: Uint8Array;

  constructor(
    @Inject(DATABASE) private readonly queries: Database,
    @Inject(AUTH_CONFIG) config: Pick<AuthConfig, "KEY_ENCRYPTION_KEY">,
    private readonly now: () => number = Date.now,
  ) {
    this.#key = deriveKey(config.KEY_ENCRYPTION_KEY, "second factors");
  }

  /** Whether a code is correct. Each code is accepted only once across all instances. */
  async use(personId: string, typed: string): Promise<boolean> {
    const code = typed.replaceAll(/[\s-]/g, "");
    const secret = await this.#secretOf(personId);
    if (secret === undefined) return false;
    const step = stepOf(secret, code, this.now());
    if (step === undefined) return this.#useRecoveryCode(personId, code);
    const used = await this.queries.execute(
      "UPDATE auth.people SET totp_last_step = $2 WHERE person_id = $1 AND totp_last_step < $2",
      [personId, step],
    );
    return used > 0;
  }

  /** Returns a new secret for a user who has none. */
  begin(personId: string, userName: string): Enrolment {
    return this.#shown(randomBytes(SECRET_BYTES), personId, userName);
  }

  /** Returns the same secret, for a form that is shown again, or a new secret if `sealed` is invalid. */
  again(personId: string, userName: string, sealed: string): Enrolment {
    return this.#shown(this.#open(personId, sealed) ?? randomBytes(SECRET_BYTES), personId, userName);
  }

  /**
   * Activates a secret after a code proves that the user's app has it.
   *
   * @returns recovery codes, to be shown once; `undefined` for a wrong code, or if the user already has a second factor
   */
  async confirm(personId: string, sealed: string, code: string): Promise<readonly string[] | undefined> {
    const secret = this.#open(personId, sealed);
    const step = secret === undefined ? undefined : stepOf(secret, code.replaceAll(/\s/g, ""), this.now());
    if (secret === undefined || step === undefined) return undefined;
    const codes = Array.from({ length: RECOVERY_CODES }, () => base32(randomBytes(RECOVERY_CODE_BYTES)));
    const changed = await this.#change(
      personId,
      "second-factor-add",
      "totp_secret = $2, totp_last_step = $3, recovery_codes = $4 WHERE person_id = $1 AND totp_secret IS NULL",
      [sealBytes(secret, this.#key, personId), step, codes.map((one) => this.#hash(personId, one))],
    );
    return changed ? codes.map(inGroups) : undefined;
  }

  async remove(personId: string): Promise<void> {
    const change = "totp_secret = NULL, recovery_codes = '{}' WHERE person_id = $1";
    await this.#change(personId, "second-factor-remove", change, []);
  }

  /** Changes a user and records it for the audit log. @param set SQL after `SET` @returns whether a user was changed */
  #change(personId: string, action: string, set: string, values: readonly unknown[]): Promise<boolean> {
    return this.queries.transaction(async (transaction) => {
      const [row] = await transaction.query(tenantRow, `UPDATE auth.people SET ${set} RETURNING tenant`, [
        personId,
        ...values,
      ]);
      if (row === undefined) return false;
      const actor = { subject: personId, tenant: row.tenant, kind: "person" as const };
      await noteAction(transaction, actor, action, { kind: "person", id: personId });
      return true;
    });
  }

  async #useRecoveryCode(personId: string, code: string): Promise<boolean> {
    const hash = this.#hash(personId, code.toUpperCase());
    const used = await this.queries.execute(
      `UPDATE auth.people SET recovery_codes = array_remove(recovery_codes, $2::bytea)
       WHERE person_id = $1 AND $2::bytea = ANY (recovery_codes)`,
      [personId, hash],
    );
    return used > 0;
  }

  async #secretOf(personId: string): Promise<Buffer | undefined> {
    const [row] = await this.queries.query(secretRow, "SELECT totp_secret FROM auth.people WHERE person_id = $1", [
      personId,
    ]);
    if (row?.totp_secret == null) return undefined;
    const secret = openBytes(row.totp_secret, this.#key, personId);
    if (secret === undefined) throw new TriplineError("internal", "A stored second factor is unreadable.");
    return secret;
  }

  #shown(secret: Buffer, personId: string, userName: string): Enrolment {
    const sealed = sealBytes(secret, this.#key, `enrolment ${personId}`).toString("base64url");
    return { text: inGroups(base32(secret)), uri: otpauthUri(secret, userName, ISSUER), sealed };
  }

  #open(personId: string, sealed: string): Buffer | undefined {
    return openBytes(Buffer.from(sealed, "base64url"), this.#key, `enrolment ${personId}`);
  }

  #hash(personId: string, code: string): Buffer {
    return createHmac("sha256", this.#key).update(`${personId} ${code}`).digest();
  }
}

/** Groups of four characters are easier to read and type. */
function inGroups(text: string): string {
  return text.replaceAll(/(.{4})(?=.)/g, "$1 ");
}
