import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DynamicModule, Type } from "@nestjs/common";
import { JobsController } from "@tripline/archive/jobs.controller";
import { AuthModule } from "@tripline/auth/auth.module";
import { SecretVerifier } from "@tripline/auth/clients/secret-verifier";
import { authConfig } from "@tripline/auth/config";
import { OAUTH_ROUTES } from "@tripline/auth/provider/mount-provider";
import { consoleConfig } from "@tripline/console/config";
import { ConsoleModule } from "@tripline/console/console.module";
import { RequirePermission } from "@tripline/console/sessions/session.guard";
import { controlConfig } from "@tripline/control/config";
import { ControlModule } from "@tripline/control/control.module";
import { decisionsConfig } from "@tripline/decisions/config";
import { DecisionsModule } from "@tripline/decisions/decisions.module";
import { featuresConfig } from "@tripline/features/config";
import { FeaturesModule } from "@tripline/features/features.module";
import { ONLINE_ROUTES } from "@tripline/features/online/online-routes";
import { ingestionConfig } from "@tripline/ingestion/config";
import { IngestionModule } from "@tripline/ingestion/ingestion.module";
import { INTAKE_ROUTES } from "@tripline/ingestion/intake.plugin";
import { HealthController } from "@tripline/nest-kit/health.controller";
import type { Audience } from "@tripline/nest-kit/http/open-to";
import { OpenTo, OperatorOnly } from "@tripline/nest-kit/http/open-to";
import { RequireScope } from "@tripline/nest-kit/http/token.guard";
import { routesOf } from "@tripline/nest-kit/testing/routes-of";
import { scoringConfig } from "@tripline/scoring/config";
import { ScoringModule } from "@tripline/scoring/scoring.module";
import { readConfig } from "@tripline/settings/read-config";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import { planServices } from "@tripline/system/services/plan-services";

/** What a route requires: a scope in the token, a permission of the session, or nothing. */
export type Access =
  | { readonly by: "token"; readonly scope: string }
  | { readonly by: "session"; readonly scope: string }
  | { readonly by: "open"; readonly to: Audience };

export interface ServiceRoute {
  readonly service: string;
  readonly method: string;
  readonly path: string;
  readonly access: Access;
  readonly isOperatorOnly: boolean;
}

/**
 * Every HTTP route of every service, from the modules and tables that register them.
 * @throws Error for a route that does not declare who may call it
 */
export function collectRoutes(): readonly ServiceRoute[] {
  const found = Object.entries({ ...modules(), archive: { module: class {}, controllers: [JobsController] } });
  const plain = (service: string, path: string, access: Access, method = "POST"): ServiceRoute => {
    return { service, method, path, access, isOperatorOnly: false };
  };
  return [
    ...INTAKE_ROUTES.map(({ path, scope }) => plain("ingestion", path, { by: "token", scope })),
    ...Object.entries(ONLINE_ROUTES).map(([path, scope]) => plain("features", path, { by: "token", scope })),
    ...OAUTH_ROUTES.flatMap(({ method, url }) =>
      method.map((name) => plain("auth", url, { by: "open", to: "anyone" }, name)),
    ),
    ...found.flatMap(([service, module]) =>
      [...controllersOf(module), HealthController].flatMap((controller) => accessibleRoutes(service, controller)),
    ),
  ];
}

/** The root modules of an installation that is never started. */
function modules(): Readonly<Record<string, DynamicModule>> {
  const folder = mkdtempSync(join(tmpdir(), "tripline-access-"));
  const none = { ingestion: 0, auth: 0, control: 0, console: 0, features: 0, scoring: 0, scoringGrpc: 0, decisions: 0 };
  const plans = planServices({
    ports: { ...none, archive: 0, kafka: 0, redis: 0, postgres: 0 },
    secrets: demoSecrets(join(folder, "secrets.json")),
    kafkaBrokers: ["127.0.0.1:1"],
    redisUrl: "redis://127.0.0.1:1",
    postgresUrl: "postgresql://u@127.0.0.1:1/db",
    registryUrl: `file://${folder}`,
    eventAgeDaysMax: 1,
    scoringWaitMs: 250,
    hasConsole: true,
  });
  rmSync(folder, { recursive: true });
  const environmentOf = (name: string) => plans.find((plan) => plan.name === name)?.environment ?? {};
  return {
    ingestion: IngestionModule.forRoot(readConfig(ingestionConfig, environmentOf("ingestion"))),
    features: FeaturesModule.forRoot(readConfig(featuresConfig, environmentOf("features"))),
    scoring: ScoringModule.forRoot(readConfig(scoringConfig, environmentOf("scoring"))),
    decisions: DecisionsModule.forRoot(readConfig(decisionsConfig, environmentOf("decisions"))),
    auth: AuthModule.forRoot(readConfig(authConfig, environmentOf("auth")), new SecretVerifier()),
    control: ControlModule.forRoot(readConfig(controlConfig, environmentOf("control"))),
    console: ConsoleModule.forRoot(readConfig(consoleConfig, environmentOf("console"))),
  };
}

function controllersOf({ controllers = [], imports = [] }: DynamicModule): Type[] {
  const imported = imports.filter((one): one is DynamicModule => typeof one === "object" && "module" in one);
  return [...controllers, ...imported.flatMap(controllersOf)];
}

function accessibleRoutes(service: string, controller: Type): ServiceRoute[] {
  return routesOf(controller).map(({ method, path, stated }) => {
    const access = accessOf(stated, `${service} ${method} ${path}`);
    return { service, method, path, access, isOperatorOnly: stated(OperatorOnly) === true };
  });
}

function accessOf(stated: (decorator: object) => unknown, route: string): Access {
  const [scope, permission, to] = [stated(RequireScope), stated(RequirePermission), stated(OpenTo)];
  if (scope !== undefined) return { by: "token", scope: String(scope) };
  if (permission !== undefined) return { by: "session", scope: String(permission) };
  if (to !== undefined) return { by: "open", to: to as Audience };
  throw new Error(`${route} does not declare who may call it: add RequireScope, RequirePermission or OpenTo.`);
}
