import { z } from "zod";

const PER_SECOND_MAX = 10_000_000;
const perSecond = z.coerce.number().int().min(0).max(PER_SECOND_MAX);

/** `acme=500,acme/shop=50` */
const exceptions = z
  .string()
  .default("")
  .transform((text, check) => {
    const budgets = new Map<string, number>();
    for (const part of text.split(",").filter((one) => one.trim() !== "")) {
      const [, name, count] = /^\s*([^=\s]+)\s*=\s*(\d{1,8})\s*$/.exec(part) ?? [];
      if (name === undefined || Number(count) > PER_SECOND_MAX) {
        check.addIssue({ code: "custom", message: `must be name=number, comma-separated: ${part.trim()} is invalid` });
        return z.NEVER;
      }
      budgets.set(name, Number(count));
    }
    return budgets;
  });

/** Variables of a service that limits its callers. @param defaults per second; 0: no limit */
export const rateConfig = (defaults: { readonly tenant: number; readonly client: number; readonly unit: string }) => ({
  RATE_LIMIT_TENANT: perSecond.default(defaults.tenant).meta({
    unit: `${defaults.unit}/s`,
    description:
      "Maximum combined request rate of a tenant's clients, averaged over 10 s. Requests above it are rejected with 429. 0: no limit.",
  }),
  RATE_LIMIT_CLIENT: perSecond
    .default(defaults.client)
    .meta({ unit: `${defaults.unit}/s`, description: "The same limit for one client." }),
  RATE_LIMIT_EXCEPTIONS: exceptions.meta({
    description: "Exceptions, comma-separated: `acme=500` for a tenant, `acme/shop=50` for one of its clients.",
  }),
});

export type RateConfig = Readonly<z.infer<z.ZodObject<ReturnType<typeof rateConfig>>>>;
