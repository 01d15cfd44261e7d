import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { Managed } from "../requests/managed-tenant.js";
import { principalOf } from "../requests/managed-tenant.js";
import type { ModelContract } from "./model-contract.js";
import { modelContract, whyNotSigned } from "./model-contract.js";
import { noteModel } from "./note-model.js";
import type { PromotionLimits } from "./promotion-limits.js";
import type { CardRequest, SignatureRequest, VersionComparison } from "./version-requests.js";
import { versionComparison } from "./version-requests.js";

/** A version of a model. */
export interface VersionKey {
  readonly model: string;
  readonly version: string;
}

const MODELS_MAX = 1_000;
const VERSIONS_MAX = 1_000;
const CONTRACT_COLUMNS = Object.keys(modelContract.in.shape).join(", ");

const knownRow = z
  .looseObject({ version: z.string(), comparison: versionComparison.nullable(), owner: z.string().nullable() })
  .transform(({ version, comparison, ...row }) => ({
    ...{ version, comparison: comparison ?? undefined },
    contract: row.owner === null ? undefined : modelContract.parse(row),
  }));

/** A version's comparison and model card, each only if there is one. */
export type KnownVersion = Omit<z.infer<typeof knownRow>, "version">;

const expiredRow = z
  .object({ model_name: z.string(), version: z.string(), expires_at: z.date() })
  .transform(({ model_name: model, version, expires_at: at }) => ({ model, version, expiredAtMs: at.getTime() }));

export type ExpiredVersion = z.infer<typeof expiredRow>;

/** What is known about model versions besides their manifests. */
@Injectable()
export class VersionStore {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** The stored comparison with a champion; undefined if there is none. */
  async comparisonOf({ model, version }: VersionKey): Promise<VersionComparison | undefined> {
    const [found] = await this.database.query(
      z.object({ comparison: versionComparison.nullable() }),
      "SELECT comparison FROM control.model_versions WHERE model_name = $1 AND version = $2",
      [model, version],
    );
    return found?.comparison ?? undefined;
  }

  /** Stores the newest comparison of a version. */
  compare({ model, version }: VersionKey, comparison: VersionComparison, by: Managed): Promise<void> {
    return this.database.transaction(async (transaction) => {
      await transaction.execute(
        `INSERT INTO control.model_versions (model_name, version, comparison) VALUES ($1, $2, $3)
         ON CONFLICT (model_name, version) DO UPDATE SET comparison = excluded.comparison`,
        [model, version, JSON.stringify(comparison)],
      );
      const { champion, money } = comparison;
      await noteModel(transaction, by, "model-compared", { model, version, champion, money });
    });
  }

  /** The comparisons and model cards of a model's versions, by version. */
  async knownOf(model: string): Promise<ReadonlyMap<string, KnownVersion>> {
    const rows = await this.database.query(
      knownRow,
      `SELECT version, comparison, ${CONTRACT_COLUMNS} FROM control.model_versions WHERE model_name = $1
       ORDER BY coalesce(registered_at, 'epoch') DESC LIMIT ${VERSIONS_MAX}`,
      [model],
    );
    return new Map(rows.map(({ version, ...known }) => [version, known]));
  }

  /** The model card of a version; undefined if it has none. */
  contractOf(key: VersionKey): Promise<ModelContract | undefined> {
    return contractIn(this.database, key, "");
  }

  /**
   * Registers a version's model card, or replaces it, which removes the signature. Repeating it changes nothing.
   *
   * @throws TriplineError `approval-missing` for a client without an owner
   */
  register({ model, version }: VersionKey, { owner, expires_at: expiresAt }: CardRequest, by: Managed): Promise<void> {
    const user = principalOf(by);
    return this.database.transaction(async (transaction) => {
      const changed = await transaction.execute(
        `INSERT INTO control.model_versions AS known (model_name, version, owner, expires_at, registered_by, registered_at)
         VALUES ($1, $2, $3, $4, $5, now())
         ON CONFLICT (model_name, version) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at,
           registered_by = excluded.registered_by, registered_at = now(), signed_by = NULL, signed_at = NULL
         WHERE known.signed_by IS NOT NULL OR (known.owner, known.expires_at, known.registered_by)
           IS DISTINCT FROM (excluded.owner, excluded.expires_at, excluded.registered_by)`,
        [model, version, owner, expiresAt, user],
      );
      if (changed === 0) return;
      await noteModel(transaction, by, "model-card-registered", { model, version, owner, expires_at: expiresAt });
    });
  }

  /**
   * Signs a version's model card. Repeating it changes nothing.
   *
   * @param read the card that the user read
   * @param isRetrained whether retraining registered the version; any user may then sign
   * @throws TriplineError `not-found` without a model card, `changed-meanwhile` if it is not the one that the user read or
   *   if another user has signed it, `approval-missing` if this user must not sign it
   */
  sign(key: VersionKey, read: SignatureRequest, isRetrained: boolean, by: Managed): Promise<void> {
    const user = principalOf(by);
    const { model, version } = key;
    return this.database.transaction(async (transaction) => {
      const contract = await contractIn(transaction, key, "FOR UPDATE");
      if (contract === undefined) throw new TriplineError("not-found", `${model} ${version} has no model card.`);
      refuseChanged(key, contract, read);
      if (contract.signedBy === user) return;
      refuseSigned(key, contract);
      const why = whyNotSigned(contract, { user, isRetrained, nowMs: Date.now() });
      if (why !== undefined) throw new TriplineError("approval-missing", why);
      await transaction.execute(
        "UPDATE control.model_versions SET signed_by = $3, signed_at = now() WHERE model_name = $1 AND version = $2",
        [model, version, user],
      );
      const { owner, expires_at: expiresAt } = read;
      await noteModel(transaction, by, "model-card-signed", { model, version, owner, expires_at: expiresAt });
    });
  }

  /**
   * Registers a model card for a version without one. The signed limits for automatic promotion provide its signature.
   *
   * @throws TriplineError `rollout-conflict` if the version has a model card, which a user must sign
   */
  async signByLimits(
    transaction: Queries,
    { model, version }: VersionKey,
    { limits, setBy, signedBy, signedAtMs }: PromotionLimits,
    by: Managed,
  ): Promise<void> {
    const { owner, card_days: days } = limits;
    const changed = await transaction.execute(
      `INSERT INTO control.model_versions
         (model_name, version, owner, expires_at, registered_by, registered_at, signed_by, signed_at)
       VALUES ($1, $2, $3, now() + make_interval(days => $4), $5, now(), $6, now())
       ON CONFLICT (model_name, version) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at,
         registered_by = excluded.registered_by, registered_at = now(), signed_by = excluded.signed_by, signed_at = now()
       WHERE model_versions.owner IS NULL`,
      [model, version, owner, days, setBy, signedBy],
    );
    if (changed === 0) {
      const detail = `A user has just registered a model card for ${model} ${version}. Have it signed: tripline models sign ${version}.`;
      throw new TriplineError("rollout-conflict", detail);
    }
    const signed = { signed_by: signedBy, limits_signed_at: signedAtMs === null ? null : new Date(signedAtMs) };
    await noteModel(transaction, by, "model-card-signed-by-limits", {
      model,
      version,
      owner,
      card_days: days,
      ...signed,
    });
  }

  /** Removes the signature of a version that was rolled back. Another rollout of this version needs a new signature. */
  async removeSignature(transaction: Queries, { model, version }: VersionKey, by: Managed): Promise<void> {
    const changed = await transaction.execute(
      `UPDATE control.model_versions SET signed_by = NULL, signed_at = NULL
       WHERE model_name = $1 AND version = $2 AND signed_by IS NOT NULL`,
      [model, version],
    );
    if (changed > 0) await noteModel(transaction, by, "model-card-signature-removed", { model, version });
  }

  /** Models with an expired model card, at most 1,000. */
  async expiredModels(): Promise<string[]> {
    const rows = await this.database.query(
      z.object({ model_name: z.string() }),
      `SELECT DISTINCT model_name FROM control.model_versions WHERE expires_at <= now()
       ORDER BY model_name LIMIT ${MODELS_MAX}`,
      [],
    );
    return rows.map(({ model_name: model }) => model);
  }

  /** Those of the given versions whose model cards have expired. */
  expiredOf(keys: readonly VersionKey[]): Promise<ExpiredVersion[]> {
    return this.database.query(
      expiredRow,
      `SELECT model_name, version, expires_at FROM control.model_versions WHERE expires_at <= now()
         AND (model_name, version) IN (SELECT * FROM unnest($1::text[], $2::text[])) ORDER BY model_name`,
      [keys.map(({ model }) => model), keys.map(({ version }) => version)],
    );
  }
}

function refuseChanged({ model, version }: VersionKey, card: ModelContract, read: SignatureRequest): void {
  const isSame =
    card.owner === read.owner &&
    card.expiresAtMs === read.expires_at.getTime() &&
    card.registeredAtMs === read.registered_at.getTime();
  if (isSame) return;
  const at = new Date(card.registeredAtMs).toISOString();
  throw new TriplineError(
    "changed-meanwhile",
    `${card.registeredBy} registered the model card of ${model} ${version} again at ${at}. Read it before you sign it.`,
  );
}

function refuseSigned({ model, version }: VersionKey, { signedBy, signedAtMs }: ModelContract): void {
  if (signedBy === null || signedAtMs === null) return;
  const at = new Date(signedAtMs).toISOString();
  throw new TriplineError("changed-meanwhile", `${signedBy} signed the model card of ${model} ${version} at ${at}.`);
}

async function contractIn(
  queries: Queries,
  { model, version }: VersionKey,
  lock: "" | "FOR UPDATE",
): Promise<ModelContract | undefined> {
  const [found] = await queries.query(
    modelContract,
    `SELECT ${CONTRACT_COLUMNS} FROM control.model_versions
     WHERE model_name = $1 AND version = $2 AND owner IS NOT NULL ${lock}`,
    [model, version],
  );
  return found;
}
