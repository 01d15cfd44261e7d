import { Body, Controller, HttpCode, Inject, Post, UseGuards, UseInterceptors } from "@nestjs/common";
import { TRANSACTION_ID_PATTERN } from "@tripline/contracts/identifiers";
import { parseRequest } from "@tripline/http/parse-request";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { z } from "zod";
import type { OpenedPersonal } from "../contract/personal.js";
import { OPEN_REASONS } from "../contract/personal.js";
import { Person, RequirePermission, SessionGuard } from "../sessions/session.guard.js";
import type { Session } from "../sessions/session-store.js";
import { PAYMENTS_MAX, PersonalReader } from "./personal-reader.js";

export const openRequest = z.strictObject({
  transactionIds: z
    .array(z.string().regex(TRANSACTION_ID_PATTERN, "must be a payment ID such as txn_…"))
    .min(1, "must not be empty")
    .max(PAYMENTS_MAX, `must be at most ${PAYMENTS_MAX}`),
  reason: z.enum(OPEN_REASONS, `must be one of ${OPEN_REASONS.join(", ")}`),
});

/** Decrypts personal data for authorised users. */
@Controller("/api/personal")
@UseGuards(SessionGuard)
@UseInterceptors(TraceInterceptor)
export class PersonalController {
  constructor(@Inject(PersonalReader) private readonly reader: PersonalReader) {}

  @Post("open")
  @HttpCode(200)
  @RequirePermission("personal:read")
  open(@Person() session: Session, @Body() body: unknown): Promise<OpenedPersonal> {
    const { transactionIds, reason } = parseRequest(openRequest, body);
    return this.reader.open(session, transactionIds, reason);
  }
}
