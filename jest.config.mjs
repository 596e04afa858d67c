/** Tests are ES modules and run against the built packages: what users run is what is tested. */
export default {
  roots: ["<rootDir>/tests"],
  testMatch: ["<rootDir>/tests/**/*.test.ts"],
  testEnvironment: "<rootDir>/tests/support/environment.mjs",
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "\\.ts$": ["@swc/jest", { jsc: { target: "es2023", parser: { syntax: "typescript" } }, module: { type: "es6" } }],
  },
  watchman: false,
  maxWorkers: 2,
  testTimeout: 60_000,
};
