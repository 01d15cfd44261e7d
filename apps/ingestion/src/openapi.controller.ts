import { Controller, Get, Inject } from "@nestjs/common";
import { OpenTo } from "@tripline/nest-kit/http/open-to";
import type { IngestionConfig } from "./config.js";
import { INGESTION_CONFIG } from "./config.js";
import { describeApi } from "./openapi/describe-api.js";

/** Describing takes some 10 ms. The times of its examples have to be recent, so that they are accepted. */
const DESCRIBE_EVERY_MS = 60_000;

@OpenTo("anyone")
@Controller()
export class OpenApiController {
  #described: ReturnType<typeof describeApi> | undefined;
  #describedAtMs = 0;

  constructor(@Inject(INGESTION_CONFIG) private readonly config: IngestionConfig) {}

  @Get("/openapi.json")
  describe(): ReturnType<typeof describeApi> {
    const now = Date.now();
    if (this.#described === undefined || now - this.#describedAtMs >= DESCRIBE_EVERY_MS) {
      this.#described = describeApi(this.config, now);
      this.#describedAtMs = now;
    }
    return this.#described;
  }
}
