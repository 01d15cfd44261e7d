import { TriplineError } from "@tripline/contracts/error-table";
import { kindOf } from "@tripline/tokens/verify-token";
import type { FastifyRequest } from "fastify";
import type { ControlConfig } from "../config.js";
import type { StepMaker } from "./rollout-state.js";
import { GUARD } from "./rollout-state.js";

/** @throws TriplineError `tenant-foreign` if the caller does not belong to the operator's tenant */
export function operatorOf(
  { caller }: FastifyRequest,
  { OPERATOR_TENANT: operator }: Pick<ControlConfig, "OPERATOR_TENANT">,
): StepMaker {
  const isOperator = operator !== "" && caller?.tenant === operator && caller.subject !== GUARD;
  if (caller !== undefined && isOperator) return { subject: caller.subject, kind: kindOf(caller) };
  throw new TriplineError(
    "tenant-foreign",
    "Models score the payments of all tenants, so only clients of the operator's tenant can view or change a rollout.",
  );
}
