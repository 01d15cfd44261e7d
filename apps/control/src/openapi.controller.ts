import { Controller, Get, Inject } from "@nestjs/common";
import { OpenTo } from "@tripline/nest-kit/http/open-to";
import type { ControlConfig } from "./config.js";
import { CONTROL_CONFIG } from "./config.js";
import { describeApi } from "./openapi/describe-api.js";

/** What the API takes and answers; it needs no token. */
@OpenTo("anyone")
@Controller()
export class OpenApiController {
  #described: ReturnType<typeof describeApi> | undefined;

  constructor(@Inject(CONTROL_CONFIG) private readonly config: ControlConfig) {}

  @Get("/openapi.json")
  describe(): ReturnType<typeof describeApi> {
    this.#described ??= describeApi(this.config);
    return this.#described;
  }
}
