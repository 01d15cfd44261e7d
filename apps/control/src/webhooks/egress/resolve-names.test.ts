import { randomBytes } from "node:crypto";
import type { Resolve } from "@tripline/http/egress/check-target";
import { readConfig } from "@tripline/settings/read-config";
import { controlConfig } from "../../config.js";
import { ControlModule } from "../../control.module.js";
import { RESOLVE } from "../webhook-sender.js";

/** Longer than all attempts to reach a DNS server. */
const RESOLVE_MS_MAX = 20_000;

test(
  "regression #30: the service resolves host names instead of accepting only addresses",
  async () => {
    const config = readConfig(controlConfig, {
      PORT: "0",
      KAFKA_BROKERS: "127.0.0.1:9",
      POSTGRES_URL: "postgres://tripline@127.0.0.1:9/tripline",
      AUTH_ISSUER: "http://127.0.0.1:9",
      AUTH_JWKS_URL: "http://127.0.0.1:9/jwks",
      OPERATOR_TENANT: "operator",
      PERSONAL_MASTER_KEY: randomBytes(32).toString("base64"),
    });
    const provided = ControlModule.forRoot(config).providers?.find(
      (provider) => "provide" in provider && provider.provide === RESOLVE,
    ) as { readonly useValue: Resolve } | undefined;
    await expect(provided?.useValue("name.invalid")).resolves.toEqual([]);
  },
  RESOLVE_MS_MAX,
);
