import { Inject, Injectable } from "@nestjs/common";
import { IDENTIFIER_PATTERN } from "@tripline/contracts/identifiers";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { SLOW_REQUESTS } from "../background.js";
import type { ConsoleConfig } from "../config.js";
import { CONSOLE_CONFIG } from "../config.js";
import type { DisputeRatios } from "../contract/dispute-ratios.js";
import { disputeLines } from "./dispute-lines.js";
import { MERCHANTS_MAX, readFigures } from "./read-figures.js";

export const ratioQuery = z.strictObject({
  month: z.string().regex(/^20\d\d-(0[1-9]|1[0-2])$/, "must be a month, such as 2026-11"),
  merchant: z.string().regex(IDENTIFIER_PATTERN, "must be a merchant ID").optional(),
});

/** Chargebacks per settled payment, compared with the thresholds of the card schemes. */
@Injectable()
export class DisputeRatioReader {
  constructor(
    @Inject(SLOW_REQUESTS) private readonly database: Database,
    @Inject(CONSOLE_CONFIG) private readonly config: Pick<ConsoleConfig, "DISPUTE_PROGRAMS">,
  ) {}

  async read(tenant: string, { month, merchant }: z.infer<typeof ratioQuery>): Promise<DisputeRatios> {
    const found = await readFigures(this.database, tenant, month, merchant);
    const figures = { ...found, merchants: found.merchants.slice(0, MERCHANTS_MAX) };
    return {
      month,
      isComplete: figures.complete.has(month),
      lines: disputeLines(month, figures, this.config.DISPUTE_PROGRAMS),
      isCut: found.merchants.length > MERCHANTS_MAX,
    };
  }
}
