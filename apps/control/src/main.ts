import { runMain } from "@tripline/nest-kit/run-main";
import { controlConfig } from "./config.js";
import { startControl } from "./start-control.js";

await runMain("control", controlConfig, startControl);
