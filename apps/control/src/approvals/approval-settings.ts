import { Inject, Injectable } from "@nestjs/common";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { counter } from "@tripline/telemetry/metrics";
import { z } from "zod";
import { noteAudit } from "../audit/note-audit.js";
import { lockPolicies } from "../policies/read-policy.js";
import type { Managed } from "../requests/managed-tenant.js";
import type { ApplyChange, ChangeKind, ChangeRequest } from "./change-requests.js";
import { requestChange } from "./change-requests.js";

const settingsRow = z.object({ needs_approval: z.boolean(), lists_need_approval: z.boolean() });
export type Settings = z.infer<typeof settingsRow>;
type Setting = keyof Settings;

const OFF: Readonly<Record<Setting, ChangeKind>> = {
  needs_approval: "policy-approval-off",
  lists_need_approval: "lists-approval-off",
};
const SETTINGS = Object.keys(OFF) as readonly Setting[];
const NOTHING_NEEDED: Settings = { needs_approval: false, lists_need_approval: false };

export interface NewSettings {
  readonly needs_approval?: boolean | undefined;
  readonly lists_need_approval?: boolean | undefined;
  readonly break_glass: boolean;
  readonly note: string;
}

/** Approval settings of a tenant. Stricter settings take effect immediately; weaker ones need another user. */
@Injectable()
export class ApprovalSettings {
  readonly #breakGlass = counter("tripline_control_break_glass_total", {
    description: "Requests to switch off approval without a second user",
  });

  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /**
   * @returns the changes that wait for another user
   * @throws TriplineError `approval-missing` if a client without an owner requests weaker settings
   */
  async change(by: Managed, wanted: NewSettings): Promise<ChangeRequest[]> {
    const waiting = await this.database.transaction(async (transaction) => {
      await lockPolicies(transaction, by.tenant);
      const before = await readSettings(transaction, by.tenant);
      const requests: ChangeRequest[] = [];
      for (const setting of SETTINGS) {
        const isNeeded = wanted[setting];
        if (isNeeded === undefined || isNeeded === before[setting]) continue;
        if (isNeeded) await write(transaction, by, setting, true);
        else {
          const { note, break_glass: isBreakGlass } = wanted;
          requests.push(await requestChange(transaction, by, { kind: OFF[setting], details: {}, note, isBreakGlass }));
        }
      }
      return requests;
    });
    if (wanted.break_glass) this.#breakGlass.inc(waiting.length);
    return waiting;
  }
}

export async function readSettings(queries: Queries, tenant: string): Promise<Settings> {
  const [found] = await queries.query(
    settingsRow,
    "SELECT needs_approval, lists_need_approval FROM control.policy_settings WHERE tenant = $1",
    [tenant],
  );
  return found ?? NOTHING_NEEDED;
}

/** Applies a confirmed change that switches a setting off. */
export function switchOff(setting: Setting): ApplyChange {
  return (transaction, author) => write(transaction, author, setting, false);
}

async function write(transaction: Queries, by: Managed, setting: Setting, isNeeded: boolean): Promise<void> {
  await transaction.execute(
    `INSERT INTO control.policy_settings (tenant, needs_approval, lists_need_approval) VALUES ($1, $2, $3)
     ON CONFLICT (tenant) DO UPDATE SET ${setting} = excluded.${setting}`,
    [by.tenant, setting === "needs_approval" && isNeeded, setting === "lists_need_approval" && isNeeded],
  );
  await noteAudit(transaction, by, "policy-settings-changed", { [setting]: isNeeded });
}
