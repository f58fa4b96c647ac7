import assert from 'node:assert/strict';
import { unknownAttribute } from '../../extension/launch-attributes';

const KNOWN = ['program', 'kernel', 'memory', 'stopOnEntry'];

describe('launch attributes', () => {
  it('accepts those of the schema, of VS Code, and its internal ones', () => {
    const given = ['type', 'request', 'name', 'program', 'memory', 'preLaunchTask', 'noDebug', '__sessionId'];
    assert.equal(unknownAttribute(given, KNOWN), undefined);
  });

  it('names a mistyped one and the one that was meant', () => {
    assert.equal(unknownAttribute(['memroy'], KNOWN), 'Unknown launch attribute "memroy". Did you mean "memory"?');
  });

  it('lists the known ones when none is close', () => {
    const message = unknownAttribute(['breakpoints'], KNOWN);
    assert.equal(
      message,
      'Unknown launch attribute "breakpoints". Ringside knows program, kernel, memory, stopOnEntry.',
    );
  });
});
