import { roundMsOption } from "../harness/round-ms.js";
import type { Benchmark } from "../harness/run-benchmark.js";
import { consumePart } from "./bench-consume.js";
import { flowPart } from "./bench-flow.js";
import { producePart } from "./bench-produce.js";

/** Our producer and consumer, compared with kafkajs and @platformatic/kafka as in their documentation. */
export const kafkaBenchmark: Benchmark = {
  name: "kafka",
  description: "producing and consuming, beside plain kafkajs and @platformatic/kafka",
  options: [roundMsOption()],
  parts: [producePart, flowPart, consumePart],
  line: [
    "produce_ratio",
    "cpu_us_per_message",
    "consume_ratio",
    "default_ratio",
    "produce_cpu_ratio",
    "produce_cpu_us",
    "consume_cpu_us",
    "flow_cpu_ratio",
    "consume_cpu_ratio",
    "produce_p99_ms",
    "platformatic_ratio",
    "platformatic_default_ratio",
    "platformatic_cpu_ratio",
    "platformatic_flow_cpu_ratio",
    "platformatic_consume_ratio",
    "platformatic_consume_cpu_ratio",
  ],
};
