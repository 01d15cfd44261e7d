import type { Provider } from "@nestjs/common";
import { auditPublisher } from "@tripline/nest-kit/audit/audit-publisher";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import type { ControlConfig } from "../config.js";
import { AuditLog } from "./audit-log.js";
import { AuditSigner } from "./audit-signer.js";

/** The audit log, and what control itself notes for it. */
export function auditProviders(config: ControlConfig): Provider[] {
  return [
    auditPublisher("control"),
    { provide: AuditLog, inject: [DATABASE], useFactory: (database: Database) => new AuditLog(database) },
    {
      provide: AuditSigner,
      inject: [AuditLog, LOGGER],
      useFactory: (log: AuditLog, logger: Logger) =>
        new AuditSigner({
          log,
          logger,
          seed: config.AUDIT_SIGNING_KEY,
          anchorUrl: config.AUDIT_ANCHOR_URL,
          everySeconds: config.AUDIT_CHECKPOINT_SECONDS,
        }),
    },
  ];
}
