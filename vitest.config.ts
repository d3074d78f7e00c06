import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/**/*.test.ts", "workers/**/*.test.ts", "scripts/**/*.test.ts", "tests/**/*.test.ts"],
    // Two cores: a stack of workers in each of two files at once is as much as fits.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
