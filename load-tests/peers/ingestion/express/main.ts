import "reflect-metadata";
import { Controller, Get, Module, ValidationPipe } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { readConfig } from "@tripline/service-kit/read-config";
import { peerSettings } from "../read-settings.js";
import { PaymentsController } from "./payments.controller.js";
import { PaymentsService, SETTINGS } from "./payments.service.js";
import { TokenGuard } from "./token.guard.js";

/**
 * The front door as Nest's documentation builds it: Express, a class with class-validator's decorators and the global
 * ValidationPipe, a guard that verifies the token, and one `producer.send` per message.
 */

const settings = readConfig(peerSettings, process.env);

@Controller("health")
class HealthController {
  @Get("ready")
  ready(): string {
    return "ready";
  }
}

@Module({
  controllers: [PaymentsController, HealthController],
  providers: [PaymentsService, TokenGuard, { provide: SETTINGS, useValue: settings }],
})
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: ["error", "warn"] });
app.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }));
app.enableShutdownHooks();
await app.listen(settings.PORT, settings.HOST);
