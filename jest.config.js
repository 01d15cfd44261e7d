/** Tests run on the compiled output, so what is tested is what ships. */
export default {
  testMatch: ["<rootDir>/{apps/*,packages/*,load-tests}/dist/**/*.test.js"],
  testPathIgnorePatterns: ["/node_modules/"],
  transform: {},
  testEnvironment: "node",
  testTimeout: 60_000,
  maxWorkers: 2,
  globalSetup: "<rootDir>/packages/local-stack/dist/jest-global-setup.js",
  globalTeardown: "<rootDir>/packages/local-stack/dist/jest-global-teardown.js",
};
