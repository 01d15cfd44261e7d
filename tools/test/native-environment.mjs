// The test environment that jest.config.js names: Jest's own for Node, with what belongs to the tests, which run outside of its context.
import { ModernFakeTimers } from "@jest/fake-timers";
import { TestEnvironment } from "jest-environment-node";

/** Classes that Jest's matchers compare with (`expect.any(String)`). In its context they would be other ones than the tests'. */
const BUILT_INS = /** @type {const} */ ([
  "Array",
  "BigInt",
  "Boolean",
  "Date",
  "Error",
  "Function",
  "Map",
  "Number",
  "Object",
  "Promise",
  "RangeError",
  "RegExp",
  "Set",
  "String",
  "Symbol",
  "SyntaxError",
  "TypeError",
]);

export default class NativeEnvironment extends TestEnvironment {
  /**
   * @param {ConstructorParameters<typeof TestEnvironment>[0]} config
   * @param {ConstructorParameters<typeof TestEnvironment>[1]} context
   */
  constructor(config, context) {
    super(config, context);
    for (const name of BUILT_INS) Object.defineProperty(this.global, name, { value: globalThis[name] });
    this.fakeTimersModern = new ModernFakeTimers({ config: config.projectConfig, global: globalThis });
  }
}
