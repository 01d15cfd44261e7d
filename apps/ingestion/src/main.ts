import { runMain } from "@tripline/nest-kit/run-main";
import { ingestionConfig } from "./config.js";
import { startIngestion } from "./start-ingestion.js";

await runMain("ingestion", ingestionConfig, startIngestion);
