import { runMain } from "@tripline/service-kit/run-main";
import { decisionsConfig } from "./config.js";
import { startDecisions } from "./start-decisions.js";

await runMain("decisions", decisionsConfig, startDecisions);
