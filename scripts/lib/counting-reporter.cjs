// Mocha's spec reporter that also writes how many tests passed and failed to the file RINGSIDE_REPORT names. A failed
// hook counts as a failed test.
const { writeFileSync } = require('node:fs');
const process = require('node:process');
const Mocha = require('mocha');

module.exports = class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once('end', () => {
      const { passes: passed, failures: failed } = this.stats;
      writeFileSync(process.env.RINGSIDE_REPORT, JSON.stringify({ passed, failed }));
    });
  }
};
