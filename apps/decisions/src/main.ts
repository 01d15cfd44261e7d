import { runMain } from "@tripline/nest-kit/run-main";
import { decisionsConfig } from "./config.js";
import { startDecisions } from "./start-decisions.js";

await runMain("decisions", decisionsConfig, startDecisions);
