import { Inject, Injectable } from "@nestjs/common";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import { counter } from "@tripline/telemetry/metrics";
import { noteAction } from "../admin/note-action.js";
import type { Person } from "../people/person-store.js";
import { providerOf } from "./provider-store.js";

/** The user who may sign in with a password although the tenant enforces single sign-on. */
@Injectable()
export class BreakGlass {
  readonly #signIns = counter("tripline_auth_break_glass_sign_ins_total", {
    description: "Sign-ins with a password in a tenant that enforces single sign-on",
    labels: [],
  });

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    // Creates the series at 0, because an alert detects an increase only from an earlier value.
    this.#signIns.inc({}, 0);
  }

  async mustUseProvider({ person_id: id, tenant }: Person): Promise<boolean> {
    const provider = await providerOf(this.database, tenant);
    return provider?.is_enforced === true && provider.break_glass_id !== id;
  }

  /** Records a sign-in with a password, if the tenant enforces single sign-on. Call it before the sign-in ends. */
  async note({ person_id: id, tenant }: Person): Promise<void> {
    const provider = await providerOf(this.database, tenant);
    if (provider?.is_enforced !== true || provider.break_glass_id !== id) return;
    await this.database.transaction((transaction) =>
      noteAction(transaction, { tenant, subject: id, kind: "person" }, "break-glass", { kind: "person", id }),
    );
    this.#signIns.inc({});
    this.logger.warn({ person_id: id, tenant }, "the break-glass user signed in");
  }
}
