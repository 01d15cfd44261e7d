import { Inject, Injectable } from "@nestjs/common";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import { RegularLook } from "../rollouts/regular-look.js";
import { ChangeRequests } from "./change-requests.js";

/** Applies due changes every second. */
@Injectable()
export class DueChanges extends RegularLook {
  constructor(@Inject(ChangeRequests) changes: Pick<ChangeRequests, "settleDue">, @Inject(LOGGER) logger: Logger) {
    super("changes", logger, () => changes.settleDue());
  }
}
