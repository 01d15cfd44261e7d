import type { OnModuleInit } from "@nestjs/common";
import type { Logger } from "@tripline/telemetry/logger";
import { RegularLook } from "../rollouts/regular-look.js";
import type { ChangeRequests } from "./change-requests.js";

/** Settles the changes whose time has come, every second. */
export class DueChanges implements OnModuleInit {
  readonly #look: RegularLook;

  constructor(changes: Pick<ChangeRequests, "settleDue">, logger: Logger) {
    this.#look = new RegularLook("changes", logger, () => changes.settleDue());
  }

  onModuleInit(): void {
    this.#look.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.#look.close();
  }
}
