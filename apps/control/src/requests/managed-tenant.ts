import { TriplineError } from "@tripline/contracts/error-table";
import { parseRequest } from "@tripline/service-kit/http/parse-request";
import type { Caller } from "@tripline/service-kit/tokens/verify-token";
import { kindOf } from "@tripline/service-kit/tokens/verify-token";
import type { FastifyRequest } from "fastify";
import { z } from "zod";

const query = z.object({
  tenant: z
    .string()
    .regex(/^[A-Za-z0-9_-]{0,64}$/, "must be a tenant, or empty for all tenants without something of their own")
    .optional(),
});

/** For whom a request does something, and who asks for it. */
export interface Managed {
  /** Empty: all tenants without something of their own. */
  readonly tenant: string;
  readonly actor: string;
  /** A client unless given. */
  readonly actorKind?: "client" | "person" | "service";
}

/**
 * The tenant that the parameter `tenant` names; the caller's own unless it is given.
 *
 * @param operatorTenant whose clients may name another one; empty where nobody may
 * @throws TriplineError `tenant-foreign`, or `invalid-field` where it cannot be a tenant
 */
export function managedBy({ caller, query: given }: FastifyRequest, operatorTenant: string): Managed {
  if (caller === undefined) throw new TriplineError("internal", "A route has no guard.");
  const { tenant = caller.tenant } = parseRequest(query, given);
  if (tenant !== caller.tenant && !isOperator(caller, operatorTenant)) {
    const whose = tenant === "" ? "what holds for all tenants" : `the tenant ${tenant}`;
    throw new TriplineError("tenant-foreign", `A client of ${caller.tenant} may not manage ${whose}.`);
  }
  return { tenant, actor: caller.subject, actorKind: kindOf(caller) };
}

/** @throws TriplineError `tenant-foreign` for a caller of another tenant than the operator's */
export function operatorOf({ caller }: FastifyRequest, operatorTenant: string): Managed {
  if (caller === undefined) throw new TriplineError("internal", "A route has no guard.");
  if (isOperator(caller, operatorTenant)) {
    return { tenant: caller.tenant, actor: caller.subject, actorKind: kindOf(caller) };
  }
  throw new TriplineError("tenant-foreign", "This is of all tenants: only the operator's tenant may see or change it.");
}

const isOperator = ({ tenant }: Caller, operatorTenant: string) => operatorTenant !== "" && tenant === operatorTenant;
