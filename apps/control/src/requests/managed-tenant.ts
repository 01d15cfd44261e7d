import { TriplineError } from "@tripline/contracts/error-table";
import { parseRequest } from "@tripline/http/parse-request";
import type { Caller } from "@tripline/tokens/verify-token";
import { kindOf } from "@tripline/tokens/verify-token";
import type { FastifyRequest } from "fastify";
import { z } from "zod";

const query = z.object({
  tenant: z
    .string()
    .regex(/^[A-Za-z0-9_-]{0,64}$/, "must be a valid tenant, or empty for the defaults of all tenants")
    .optional(),
});

/** The tenant of a request and its caller. */
export interface Managed {
  /** Empty for all tenants without their own settings. */
  readonly tenant: string;
  readonly actor: string;
  /** Default: `client`. */
  readonly actorKind?: "client" | "person" | "service";
  /** The user, or the owner of the machine client. Undefined for services and clients without an owner. */
  readonly principal?: string | undefined;
}

/** The caller, with the user who counts where two users are required. */
function actorOf(caller: Caller): Pick<Managed, "actor" | "actorKind" | "principal"> {
  const actorKind = kindOf(caller);
  return {
    actor: caller.subject,
    actorKind,
    principal: actorKind === "person" ? caller.subject : caller.owner,
  };
}

/**
 * The user behind the actor, for actions that only a user may take.
 *
 * @throws TriplineError `approval-missing` for a machine client without an owner
 */
export function principalOf({ actor, principal }: Managed): string {
  if (principal !== undefined) return principal;
  throw new TriplineError(
    "approval-missing",
    `The client ${actor} has no owner, so it cannot approve on behalf of a user. Set an owner, or approve in the console.`,
  );
}

/**
 * The tenant in the `tenant` parameter (default: the caller's own).
 *
 * @param operatorTenant the tenant whose clients can name another one; empty if none can
 * @throws TriplineError `tenant-foreign`, or `invalid-field` for an invalid tenant
 */
export function managedBy({ caller, query: given }: FastifyRequest, operatorTenant: string): Managed {
  if (caller === undefined) throw new TriplineError("internal", "A route has no guard.");
  const { tenant = caller.tenant } = parseRequest(query, given);
  if (tenant !== caller.tenant && !isOperator(caller, operatorTenant)) {
    const whose = tenant === "" ? "settings that apply to all tenants" : `the tenant ${tenant}`;
    throw new TriplineError("tenant-foreign", `A client of ${caller.tenant} cannot manage ${whose}.`);
  }
  return { tenant, ...actorOf(caller) };
}

/** @throws TriplineError `tenant-foreign` for callers outside the operator's tenant */
export function operatorOf({ caller }: FastifyRequest, operatorTenant: string): Managed {
  if (caller === undefined) throw new TriplineError("internal", "A route has no guard.");
  if (isOperator(caller, operatorTenant)) {
    return { tenant: caller.tenant, ...actorOf(caller) };
  }
  throw new TriplineError(
    "tenant-foreign",
    "This setting applies to all tenants, so only the operator's tenant can view or change it.",
  );
}

const isOperator = ({ tenant }: Caller, operatorTenant: string) => operatorTenant !== "" && tenant === operatorTenant;
