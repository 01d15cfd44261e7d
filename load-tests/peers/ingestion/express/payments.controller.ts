import { Body, Controller, HttpCode, Inject, Post, Req, Res, UseGuards } from "@nestjs/common";
// biome-ignore lint/style/useImportType: Nest's validation finds the class by the type of the parameter.
import { PaymentDto } from "./payment.dto.js";
import { PaymentsService } from "./payments.service.js";
import type { AuthorizedRequest } from "./token.guard.js";
import { TokenGuard } from "./token.guard.js";

interface Answer {
  setHeader(name: string, value: string): unknown;
}

@Controller("v1/transactions")
@UseGuards(TokenGuard)
export class PaymentsController {
  constructor(@Inject(PaymentsService) private readonly payments: PaymentsService) {}

  @Post()
  @HttpCode(202)
  async accept(
    @Body() payment: PaymentDto,
    @Req() request: AuthorizedRequest,
    @Res({ passthrough: true }) response: Answer,
  ): Promise<unknown> {
    const id = await this.payments.accept(payment, request.tenant ?? "");
    response.setHeader("location", `/v1/decisions/${id}`);
    return { id, transaction_id: payment.transaction_id, status: "pending" };
  }
}
