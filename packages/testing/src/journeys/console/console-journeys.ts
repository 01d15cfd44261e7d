import type { ConsoleStage } from "./console-stage.js";
import { analystJourney } from "./journey-analyst.js";
import { modelOwnerJourney } from "./journey-model-owner.js";
import { ruleAuthorJourney } from "./journey-rule-author.js";

/** Those of `npm run journey` that take place in a browser, by name. */
export const CONSOLE_JOURNEYS: Readonly<Record<string, (stage: ConsoleStage) => Promise<void>>> = {
  analyst: analystJourney,
  "rule-author": ruleAuthorJourney,
  "model-owner": modelOwnerJourney,
};
