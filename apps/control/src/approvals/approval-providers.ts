import type { Provider } from "@nestjs/common";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import { putConfirmed } from "../lists/list-store.js";
import { ApprovalSettings, switchOff } from "./approval-settings.js";
import { ChangeRequests } from "./change-requests.js";
import { DueChanges } from "./due-changes.js";

/** What `ApprovalsController` and the settings of a tenant need. */
export const APPROVAL_PROVIDERS: readonly Provider[] = [
  { provide: ApprovalSettings, inject: [DATABASE], useFactory: (database: Database) => new ApprovalSettings(database) },
  {
    provide: ChangeRequests,
    inject: [DATABASE],
    useFactory: (database: Database) =>
      new ChangeRequests(database, {
        "policy-approval-off": switchOff("needs_approval"),
        "lists-approval-off": switchOff("lists_need_approval"),
        "list-entries": putConfirmed,
      }),
  },
  {
    provide: DueChanges,
    inject: [ChangeRequests, LOGGER],
    useFactory: (changes: ChangeRequests, logger: Logger) => new DueChanges(changes, logger),
  },
];
