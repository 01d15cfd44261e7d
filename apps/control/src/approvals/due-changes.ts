import type { OnModuleInit } from "@nestjs/common";
import { Inject, Injectable } from "@nestjs/common";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import { RegularLook } from "../rollouts/regular-look.js";
import { ChangeRequests } from "./change-requests.js";

/** Applies due changes every second. */
@Injectable()
export class DueChanges implements OnModuleInit {
  readonly #look: RegularLook;

  constructor(@Inject(ChangeRequests) changes: Pick<ChangeRequests, "settleDue">, @Inject(LOGGER) logger: Logger) {
    this.#look = new RegularLook("changes", logger, () => changes.settleDue());
  }

  get note(): string | undefined {
    return this.#look.note;
  }

  onModuleInit(): void {
    this.#look.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.#look.close();
  }
}
