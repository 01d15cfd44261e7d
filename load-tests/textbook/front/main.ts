import "reflect-metadata";
import { Controller, Get, Module, ValidationPipe } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { readConfig } from "@tripline/settings/read-config";
import { frontSettings, SETTINGS } from "../read-settings.js";
import { DecisionsController } from "./decisions.controller.js";
import { DecisionsService } from "./decisions.service.js";
import { TokenGuard } from "./token.guard.js";

/**
 * The ingestion API, built as in Nest's documentation: Express, the global ValidationPipe for classes with
 * class-validator's decorators, and a guard that verifies the token.
 */
const settings = readConfig(frontSettings, process.env);

@Controller("health")
class HealthController {
  @Get("ready")
  ready(): string {
    return "ready";
  }
}

@Module({
  controllers: [DecisionsController, HealthController],
  providers: [DecisionsService, TokenGuard, { provide: SETTINGS, useValue: settings }],
})
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: ["error", "warn"] });
app.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }));
app.enableShutdownHooks();
await app.listen(settings.PORT, settings.HOST);
