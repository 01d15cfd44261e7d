import { z } from "zod";
import type { Outcome } from "../contract/decisions.js";
import { OUTCOMES } from "../decisions/decision-rows.js";

/** The hours from a decision until its case is due. */
export type CaseHours = (tenant: string, outcome: Outcome) => number;

const HOURS_DEFAULT = 24;
const HOURS_MAX = 720;
const ANY = "*";
const PART = new RegExp(`^\\s*(?:(?:([^/,=\\s]{1,64})/)?(\\*|${OUTCOMES.join("|")})=)?(\\d{1,3})\\s*$`);

/** Such as `24,review=8,acme/*=4,acme/review=1`. The most specific entry applies; one for a tenant takes precedence. */
export const caseHours = z
  .string()
  .default(String(HOURS_DEFAULT))
  .transform((text, check): CaseHours => {
    const entries = new Map<string, number>();
    for (const part of text.split(",")) {
      const [, tenant = ANY, outcome = ANY, digits] = PART.exec(part) ?? [];
      const [key, hours] = [`${tenant}/${outcome}`, Number(digits)];
      if (digits === undefined || hours < 1 || hours > HOURS_MAX || entries.has(key)) {
        check.addIssue({
          code: "custom",
          message: `must be hours from 1 to ${HOURS_MAX}, comma-separated, such as 24, review=8 or acme/review=1: ${part} is invalid`,
        });
        return z.NEVER;
      }
      entries.set(key, hours);
    }
    return (tenant, outcome) =>
      entries.get(`${tenant}/${outcome}`) ??
      entries.get(`${tenant}/${ANY}`) ??
      entries.get(`${ANY}/${outcome}`) ??
      entries.get(`${ANY}/${ANY}`) ??
      HOURS_DEFAULT;
  });
