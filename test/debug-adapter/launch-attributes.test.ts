import assert from 'node:assert/strict';
import { checkLaunchAttributes, parseMemorySize } from '../../debug-adapter/launch-attributes';

describe('launch attributes', () => {
  it('should take a complete configuration and leave out what editors add', () => {
    const given = {
      type: 'ringside',
      request: 'launch',
      name: 'x',
      __sessionId: '1',
      program: '/a.S',
      stopOnEntry: false,
    };
    assert.deepEqual(checkLaunchAttributes(given), { program: '/a.S', stopOnEntry: false });
  });
  it('should name an unknown attribute and the one that was meant', () => {
    assert.throws(
      () => checkLaunchAttributes({ program: '/a.S', stopOnEntri: true }),
      /Unknown launch attribute "stopOnEntri"\. Did you mean "stopOnEntry"\?/,
    );
    assert.throws(
      () => checkLaunchAttributes({ program: '/a.S', colour: 1 }),
      /Unknown launch attribute "colour"\. Known are: program, kernel/,
    );
  });
  it('should say what kind of value is wanted', () => {
    assert.throws(
      () => checkLaunchAttributes({ program: '/a.S', args: 'x' }),
      /"args" must be a list of texts, not "x"/,
    );
    assert.throws(() => checkLaunchAttributes({ program: '/a.S', env: { A: 1 } }), /"env" must be an object of texts/);
    assert.throws(
      () => checkLaunchAttributes({ program: '/a.S', engine: 'jit' }),
      /"engine" must be one of "tiered", "compiled", "interpreter", not "jit"/,
    );
    assert.throws(() => checkLaunchAttributes({ program: '' }), /"program" must be the path/);
    assert.throws(() => checkLaunchAttributes({}), /"program" is missing/);
  });
  it('should read memory sizes', () => {
    assert.equal(parseMemorySize('64M'), 64 << 20);
    assert.equal(parseMemorySize('65536K'), 64 << 20);
    assert.equal(parseMemorySize('1GiB'), 2 ** 30);
    assert.equal(parseMemorySize('4096'), 4096);
    assert.throws(() => parseMemorySize('lots'), /"lots" is no memory size/);
  });
});
