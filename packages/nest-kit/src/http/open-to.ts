import { Reflector } from "@nestjs/core";

/** Who may call a route that requires no scope. */
export type Audience =
  | "anyone"
  | "this machine"
  | "other services"
  | "clients with a certificate"
  | "the tenant's identity provider"
  | "users who are signed in to auth";

/**
 * Declares that a controller or method requires no scope, and who may call it. docs/access.md is generated from this
 * and from `RequireScope`; a route that has neither fails that document's test.
 */
export const OpenTo = Reflector.createDecorator<Audience>();

/** Restricts a route to the operator's tenant. */
export const OperatorOnly = Reflector.createDecorator<true>();
