import { analystJourney } from "./analyst.js";
import type { ConsoleStage } from "./console-stage.js";
import { leaveJourney } from "./leave.js";
import { modelOwnerJourney } from "./model-owner.js";
import { ruleAuthorJourney } from "./rule-author.js";
import { webhooksJourney } from "./webhooks.js";

/** The journeys of `npm run journey` that run in a browser, by name. */
export const CONSOLE_JOURNEYS: Readonly<Record<string, (stage: ConsoleStage) => Promise<void>>> = {
  analyst: analystJourney,
  "rule-author": ruleAuthorJourney,
  "model-owner": modelOwnerJourney,
  webhooks: webhooksJourney,
  leave: leaveJourney,
};
