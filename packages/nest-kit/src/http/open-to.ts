import { Reflector } from "@nestjs/core";

/** Who may call a route that asks for no scope. */
export type Audience =
  | "anyone"
  | "this machine"
  | "other services"
  | "clients with a certificate"
  | "who is signed in at auth";

/**
 * Says of a controller or one of its methods that it asks for no scope, and for whom it is then. docs/access.md is made of it, and
 * of `RequireScope`: a route with neither fails the test of that table.
 */
export const OpenTo = Reflector.createDecorator<Audience>();

/** Says that a route is for the operator's tenant alone. */
export const OperatorOnly = Reflector.createDecorator<true>();
