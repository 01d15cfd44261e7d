import "reflect-metadata";
import { readConfig } from "@tripline/service-kit/config/read-config";
import { serveExpress } from "../../peers/ingestion/express/serve-express.js";
import { frontSettings } from "../read-settings.js";
import { DecisionsController } from "./decisions.controller.js";
import { DecisionsService } from "./decisions.service.js";

/** The front door: Nest on Express, one `producer.send` per payment, the reply through Redis. */
await serveExpress(DecisionsController, DecisionsService, readConfig(frontSettings, process.env));
