import { runMain } from "@tripline/nest-kit/run-main";
import { consoleConfig } from "./config.js";
import { startConsole } from "./start-console.js";

await runMain("console", consoleConfig, startConsole);
