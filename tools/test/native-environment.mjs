// The test environment of jest.config.js: Jest's own for Node, with the tests' globals, because tests run outside its context.
import { ModernFakeTimers } from "@jest/fake-timers";
import { TestEnvironment } from "jest-environment-node";

/**
 * Classes that Jest's matchers compare with (`expect.any(String)`). In Jest's context they would differ from the tests'
 * classes.
 */
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
