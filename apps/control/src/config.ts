import { kafkaConfig, postgresConfig, serviceConfig, tokenConfig } from "@tripline/service-kit/config/read-config";
import { z } from "zod";

export const controlConfig = z.object({
  ...serviceConfig,
  ...kafkaConfig,
  ...postgresConfig,
  ...tokenConfig,
  REGISTRY_URL: z.string().min(1).optional().meta({
    description:
      "Where the models are, as scoring has it, but with the right to move aliases. Without it no models are rolled out.",
  }),
  OPERATOR_TENANT: z
    .string()
    .regex(/^([A-Za-z0-9_-]{1,64})?$/, "must be a tenant: 1 to 64 letters, digits, dashes or underscores")
    .default("")
    .meta({
      description:
        "Tenant whose clients may manage what belongs to other tenants, and what holds for all tenants. Without it nobody may.",
    }),
  FRAUD_LIST_DAYS: z.coerce.number().int().min(0).max(366).default(0).meta({
    unit: "days",
    description:
      "For how long the card of a confirmed fraud is on the list `confirmed-fraud`, which denies. 0 lists no card by itself.",
  }),
});

export type ControlConfig = Readonly<z.infer<typeof controlConfig>>;

/** Injects the service's configuration. */
export const CONTROL_CONFIG = Symbol("CONTROL_CONFIG");
