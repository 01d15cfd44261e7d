import { runMain } from "@tripline/nest-kit/run-main";
import { scoringConfig } from "./config.js";
import { startScoring } from "./start-scoring.js";

await runMain("scoring", scoringConfig, startScoring);
