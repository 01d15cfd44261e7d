import { runMain } from "@tripline/nest-kit/run-main";
import { featuresConfig } from "./config.js";
import { startFeatures } from "./start-features.js";

await runMain("features", featuresConfig, startFeatures);
