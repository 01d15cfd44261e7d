import type { Type } from "@nestjs/common";
import { Controller, Get, Module, ValidationPipe } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { SETTINGS } from "./payments.service.js";
import { TokenGuard } from "./token.guard.js";

@Controller("health")
class HealthController {
  @Get("ready")
  ready(): string {
    return "ready";
  }
}

/**
 * A front door as Nest's documentation builds it: Express, the global ValidationPipe over classes with class-validator's
 * decorators, and a guard that verifies the token.
 *
 * @param settings provided as `SETTINGS`
 */
export async function serveExpress(
  controller: Type,
  service: Type,
  settings: { readonly PORT: number; readonly HOST: string },
): Promise<void> {
  @Module({
    controllers: [controller, HealthController],
    providers: [service, TokenGuard, { provide: SETTINGS, useValue: settings }],
  })
  class AppModule {}

  const app = await NestFactory.create(AppModule, { logger: ["error", "warn"] });
  app.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }));
  app.enableShutdownHooks();
  await app.listen(settings.PORT, settings.HOST);
}
