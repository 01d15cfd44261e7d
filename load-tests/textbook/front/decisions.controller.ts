import { Body, Controller, Headers, HttpCode, Inject, Post, Req, UseGuards } from "@nestjs/common";
import { DecisionsService } from "./decisions.service.js";
// biome-ignore lint/style/useImportType: Nest's validation finds the class by the type of the parameter.
import { PaymentDto } from "./payment.dto.js";
import type { AuthorizedRequest } from "./token.guard.js";
import { TokenGuard } from "./token.guard.js";

const MS_PER_S = 1_000;

@Controller("v1/transactions")
@UseGuards(TokenGuard)
export class DecisionsController {
  constructor(@Inject(DecisionsService) private readonly decisions: DecisionsService) {}

  @Post()
  @HttpCode(200)
  async decide(
    @Body() payment: PaymentDto,
    @Req() request: AuthorizedRequest,
    @Headers("prefer") prefer: string | undefined,
  ): Promise<unknown> {
    const seconds = Number(/wait=(\d+)/.exec(prefer ?? "")?.[1] ?? 0);
    return this.decisions.decide(payment, request.tenant ?? "", seconds * MS_PER_S);
  }
}
