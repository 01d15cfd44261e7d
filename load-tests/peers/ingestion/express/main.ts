import "reflect-metadata";
import { readConfig } from "@tripline/service-kit/config/read-config";
import { peerSettings } from "../read-settings.js";
import { PaymentsController } from "./payments.controller.js";
import { PaymentsService } from "./payments.service.js";
import { serveExpress } from "./serve-express.js";

/** Nest on Express, with one `producer.send` per message. */
await serveExpress(PaymentsController, PaymentsService, readConfig(peerSettings, process.env));
