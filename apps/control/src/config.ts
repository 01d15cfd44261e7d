import { kafkaConfig, postgresConfig, serviceConfig, tokenConfig } from "@tripline/service-kit/config/read-config";
import { z } from "zod";

export const controlConfig = z.object({
  ...serviceConfig,
  ...kafkaConfig,
  ...postgresConfig,
  ...tokenConfig,
  OPERATOR_TENANT: z
    .string()
    .regex(/^([A-Za-z0-9_-]{1,64})?$/, "must be a tenant: 1 to 64 letters, digits, dashes or underscores")
    .default("")
    .meta({
      description:
        "Tenant whose clients may manage what belongs to other tenants, and what holds for all tenants. Without it nobody may.",
    }),
});

export type ControlConfig = Readonly<z.infer<typeof controlConfig>>;

/** Injects the service's configuration. */
export const CONTROL_CONFIG = Symbol("CONTROL_CONFIG");
