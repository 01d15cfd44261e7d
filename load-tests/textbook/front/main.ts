import "reflect-metadata";
import { Controller, Get, Module, ValidationPipe } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { readConfig } from "@tripline/service-kit/read-config";
import { SETTINGS } from "../../peers/ingestion/express/payments.service.js";
import { TokenGuard } from "../../peers/ingestion/express/token.guard.js";
import { frontSettings } from "../read-settings.js";
import { DecisionsController } from "./decisions.controller.js";
import { DecisionsService } from "./decisions.service.js";

/** The front door: Nest on Express, class-validator, a guard, one `producer.send` per payment, the reply through Redis. */

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
