import { randomBytes } from "node:crypto";
import { Inject, Injectable } from "@nestjs/common";
import { FollowedMasterKey } from "@tripline/sealing/followed-master-key";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { BACKGROUND } from "../background.js";

/** Standard Webhooks: 24 to 64 random bytes. */
const SECRET_BYTES = 32;
const ID_BYTES = 16;
/** How long decrypted secrets are cached, so that the key service is not called for each message. */
const CACHED_MS = 300_000;
const CACHED_MAX = 1_000;

const secretRow = z.object({ id: z.instanceof(Buffer), wrapped: z.instanceof(Buffer) });

/** A new secret and its stored form. */
export interface NewSecret {
  readonly plain: Buffer;
  readonly wrapped: Uint8Array;
  readonly masterKey: string;
}

/** Signing secrets of endpoints. Postgres stores them encrypted with the installation's master key. */
@Injectable()
export class EndpointSecrets {
  readonly #plain = new Map<string, { readonly secret: Promise<Buffer>; readonly untilMs: number }>();

  constructor(
    @Inject(BACKGROUND) private readonly database: Database,
    @Inject(FollowedMasterKey) private readonly masterKey: Pick<FollowedMasterKey, "name" | "wrap" | "unwrap">,
  ) {}

  /** Call it outside transactions, because a key service may be slow. @throws TriplineError `master-key-unavailable` */
  async create(): Promise<NewSecret> {
    const plain = randomBytes(SECRET_BYTES);
    const masterKey = this.masterKey.name;
    return { plain, masterKey, wrapped: await this.masterKey.wrap(plain) };
  }

  /**
   * Returns the secrets that sign messages to an endpoint, newest first.
   *
   * @throws TriplineError `database-unavailable`, `master-key-unavailable`
   */
  async of(endpointId: string): Promise<Buffer[]> {
    const rows = await this.database.query(
      secretRow,
      `SELECT id, wrapped FROM control.webhook_secrets
       WHERE endpoint_id = $1 AND (signs_until IS NULL OR signs_until > now()) ORDER BY created_at DESC`,
      [endpointId],
    );
    return Promise.all(rows.map((row) => this.#open(row)));
  }

  #open({ id, wrapped }: z.infer<typeof secretRow>): Promise<Buffer> {
    const key = id.toString("hex");
    const known = this.#plain.get(key);
    if (known !== undefined && known.untilMs > Date.now()) return known.secret;
    if (this.#plain.size >= CACHED_MAX) this.#plain.clear();
    const secret = this.masterKey.unwrap(wrapped);
    this.#plain.set(key, { secret, untilMs: Date.now() + CACHED_MS });
    secret.catch(() => this.#plain.delete(key));
    return secret;
  }
}

export async function storeSecret(transaction: Queries, endpointId: string, secret: NewSecret): Promise<void> {
  await transaction.execute(
    "INSERT INTO control.webhook_secrets (id, endpoint_id, master_key, wrapped) VALUES ($1, $2, $3, $4)",
    [randomBytes(ID_BYTES), endpointId, secret.masterKey, secret.wrapped],
  );
}
