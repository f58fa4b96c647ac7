import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fullWidth, littleEndianBase64, otherBases, parseValue } from '../../extension/webview/values';
import type { Hex } from '../../debug-adapter/protocol';

describe('values in views', () => {
  it('reads the number forms people type', () => {
    const forms: [string, Hex][] = [
      ['0x1f', '0x1f'],
      ['0XFFFFFFFF81000000', '0xffffffff81000000'],
      ['31', '0x1f'],
      ['-1', '0xffffffffffffffff'],
      ['-0x10', '0xfffffffffffffff0'],
      ['0b1010', '0xa'],
      ['0o17', '0xf'],
      ['0x00230010_00000000', '0x23001000000000'],
      [' 0xffffffff 81000000 ', '0xffffffff81000000'],
    ];
    for (const [typed, value] of forms) assert.equal(parseValue(typed), value, typed);
  });

  it('refuses what is no number or does not fit 64 bits', () => {
    for (const typed of ['', 'entry', '0x', '1f', '0x1g', '1.5', '--1', '0x10000000000000000', '-0x8000000000000001']) {
      assert.equal(parseValue(typed), undefined, typed);
    }
  });

  it('reads back every value it shows', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (value) => {
        const hex: Hex = `0x${value.toString(16)}`;
        assert.equal(parseValue(`0x${fullWidth(hex)}`), hex);
        const bytes = Buffer.from(littleEndianBase64(hex), 'base64');
        assert.equal(bytes.readBigUInt64LE(), value);
      }),
    );
  });

  it('shows negative values signed, too', () => {
    assert.match(otherBases('0xffffffffffffffda'), /signed: -38/);
    assert.doesNotMatch(otherBases('0x26'), /signed/);
  });
});
