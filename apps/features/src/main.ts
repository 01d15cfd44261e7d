import { runMain } from "@tripline/service-kit/run-main";
import { featuresConfig } from "./config.js";
import { startFeatures } from "./start-features.js";

await runMain("features", featuresConfig, startFeatures);
