import { Inject, Injectable } from "@nestjs/common";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { noteAudit } from "../audit/note-audit.js";
import type { StepMaker } from "../rollouts/rollout-state.js";
import type { VersionComparison } from "./version-requests.js";
import { versionComparison } from "./version-requests.js";

/** Models score the payments of all tenants. */
const ALL_TENANTS = "";

/** A version of a model. */
export interface VersionKey {
  readonly model: string;
  readonly version: string;
}

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
  compare({ model, version }: VersionKey, comparison: VersionComparison, { subject, kind }: StepMaker): Promise<void> {
    return this.database.transaction(async (transaction) => {
      await transaction.execute(
        `INSERT INTO control.model_versions (model_name, version, comparison) VALUES ($1, $2, $3)
         ON CONFLICT (model_name, version) DO UPDATE SET comparison = excluded.comparison`,
        [model, version, JSON.stringify(comparison)],
      );
      const { champion, money } = comparison;
      const by = { tenant: ALL_TENANTS, actor: subject, actorKind: kind };
      const subjectOf = { kind: "model", id: model };
      await noteAudit(transaction, by, "model-compared", { model, version, champion, money }, subjectOf);
    });
  }
}
