/** The forms of x87, MMX, SSE and AVX instructions one by one, as their pages in the SDM, vol. 2, state them. */
import assert from 'node:assert/strict';
import { decode, DecoderFeature } from '../../../emulator/isa/decoder';
import type { CodeSize } from '../../../emulator/isa/decoder';
import type { Operand } from '../../../emulator/isa/instruction';

/** An operand as the SDM writes it: `xmm3`, `m64`, `eax`, `ST(2)`, `imm8`, `vm32y`. */
function notation(operand: Operand): string {
  switch (operand.kind) {
    case 'xmm':
      return `${operand.size === 32 ? 'ymm' : 'xmm'}${operand.register}`;
    case 'mmx':
      return `mm${operand.register}`;
    case 'st':
      return `ST(${operand.register})`;
    case 'memory':
      return `m${operand.size * 8}`;
    case 'gather':
      return `vm${operand.size * 8} by ${operand.indexSize === 32 ? 'ymm' : 'xmm'}${operand.index}`;
    case 'register':
      return `r${operand.size * 8}`;
    case 'immediate':
      return `imm${operand.size * 8}`;
    default:
      return operand.kind;
  }
}

/** Mnemonic and operands of the instruction, which takes up all the bytes, or why there is none. */
function read(hex: string, mode: CodeSize = 64, features?: number): string {
  const bytes = Uint8Array.from(hex.split(' '), (byte) => parseInt(byte, 16));
  const result = decode(bytes, 0, bytes.length, mode, features);
  if (typeof result === 'string') return result;
  assert.equal(result.length, bytes.length, hex);
  return [result.mnemonic, result.operands.map(notation).join(', ')].join(' ').trim();
}

function assertReads(expected: Readonly<Record<string, string>>, mode: CodeSize = 64): void {
  for (const [hex, words] of Object.entries(expected)) assert.equal(read(hex, mode), words, hex);
}

describe('decoder of vector and x87 instructions', () => {
  it('x87 memory operands are reals, integers, decimals and states', () => {
    assertReads({
      'd8 00': 'FADD m32',
      'dc 00': 'FADD m64',
      'db 28': 'FLD m80',
      'de 00': 'FIADD m16',
      'df 28': 'FILD m64',
      'df 20': 'FBLD m80',
      'd9 38': 'FNSTCW m16',
      'd9 30': 'FNSTENV m224',
      '66 d9 30': 'FNSTENV m112',
      'dd 30': 'FNSAVE m864',
      '66 dd 20': 'FRSTOR m752',
    });
    assert.equal(read('dd 30', 16), 'FNSAVE m752');
  });

  it('x87 register operands count from the top of the stack', () => {
    assertReads({
      'd8 c3': 'FADD ST(0), ST(3)',
      'dc c3': 'FADD ST(3), ST(0)',
      'de e9': 'FSUBP ST(1), ST(0)',
      'dc e1': 'FSUBR ST(1), ST(0)',
      'd9 c9': 'FXCH ST(0), ST(1)',
      'dd d9': 'FSTP ST(1)',
      'df f1': 'FCOMIP ST(0), ST(1)',
      'df e0': 'FNSTSW r16',
      'd9 ee': 'FLDZ',
      '41 d9 c1': 'FLD ST(1)',
      'd9 d1': 'undefined',
      'f0 d8 00': 'undefined',
    });
  });

  it('the mandatory prefix chooses between MMX, packed and scalar', () => {
    assertReads({
      '0f 58 c1': 'ADDPS xmm0, xmm1',
      '66 0f 58 00': 'ADDPD xmm0, m128',
      'f3 0f 58 00': 'ADDSS xmm0, m32',
      'f2 66 45 0f 58 c1': 'ADDSD xmm8, xmm9',
      '0f fc c1': 'PADDB mm0, mm1',
      '45 0f fc c1': 'PADDB mm0, mm1',
      '66 45 0f fc c1': 'PADDB xmm8, xmm9',
      '0f 60 00': 'PUNPCKLBW mm0, m32',
      '66 0f 60 00': 'PUNPCKLBW xmm0, m128',
      'f3 0f fc c1': 'undefined',
    });
  });

  it('general registers are as wide as W says', () => {
    assertReads({
      '66 0f 6e c0': 'MOVD xmm0, r32',
      '66 48 0f 6e c0': 'MOVQ xmm0, r64',
      '66 0f 3a 14 c0 01': 'PEXTRB r32, xmm0, imm8',
      '66 0f 3a 14 00 01': 'PEXTRB m8, xmm0, imm8',
      'f2 48 0f 2d c1': 'CVTSD2SI r64, xmm1',
      '66 0f d7 c1': 'PMOVMSKB r32, xmm1',
      '66 0f d7 01': 'undefined',
    });
  });

  it('VEX adds an operand and the vector length', () => {
    assertReads({
      'c5 f0 58 c2': 'VADDPS xmm0, xmm1, xmm2',
      'c5 74 58 00': 'VADDPS ymm8, ymm1, m256',
      'c4 c1 74 58 c0': 'VADDPS ymm0, ymm1, ymm8',
      'c5 f6 58 c2': 'VADDSS xmm0, xmm1, xmm2',
      'c5 f5 71 d2 01': 'VPSRLW ymm1, ymm2, imm8',
      'c5 f5 d1 00': 'VPSRLW ymm0, ymm1, m128',
      'c4 e2 7d 22 00': 'VPMOVSXBQ ymm0, m32',
      'c5 fc 5a 00': 'VCVTPS2PD ymm0, m128',
      'c5 fd 5a c1': 'VCVTPD2PS xmm0, ymm1',
      'c5 fb 12 00': 'VMOVDDUP xmm0, m64',
      'c5 ff 12 00': 'VMOVDDUP ymm0, m256',
      'c4 e3 75 4a c2 f0': 'VBLENDVPS ymm0, ymm1, ymm2, ymm15',
      'c5 f8 77': 'VZEROUPPER',
      'c5 fc 77': 'VZEROALL',
    });
    assert.equal(read('c4 e3 75 4a c2 f0', 32), 'VBLENDVPS ymm0, ymm1, ymm2, ymm7');
  });

  it('VEX.W is an element width in every mode and a register width in 64-bit mode', () => {
    const words = {
      'c4 e2 f1 98 c2': 'VFMADD132PD xmm0, xmm1, xmm2',
      'c4 e2 71 98 c2': 'VFMADD132PS xmm0, xmm1, xmm2',
    };
    for (const mode of [16, 32, 64] as const) assertReads(words, mode);
    assert.equal(read('c4 e1 f9 6e c0'), 'VMOVQ xmm0, r64');
    assert.equal(read('c4 e1 f9 6e c0', 32), 'VMOVD xmm0, r32');
  });

  it('reserved values of vvvv, L and W, and prefixes before VEX, are undefined', () => {
    const undefinedOnes = {
      'VMOVAPS with vvvv': 'c5 f0 28 c1',
      'VMOVAPS with high bit of vvvv': 'c5 b8 28 c1',
      '256-bit VMOVD': 'c5 fd 6e c0',
      '128-bit VPERMQ': 'c4 e3 f9 00 c1 05',
      'VPERMQ with W0': 'c4 e3 7d 00 c1 05',
      'VBROADCASTSS with W1': 'c4 e2 f9 18 c1',
      'MMX under VEX': 'c5 f0 fc c2',
      LOCK: 'f0 c5 f1 fc 00',
      '66': '66 c5 f0 58 c2',
      F2: 'f2 c5 f0 58 c2',
      F3: 'f3 c5 f0 58 c2',
      REX: '40 c5 f0 58 c2',
      'map 4': 'c4 e4 71 58 c2',
    };
    for (const [name, hex] of Object.entries(undefinedOnes)) assert.equal(read(hex), 'undefined', name);
    assert.equal(read('67 64 c5 f0 58 00'), 'VADDPS xmm0, xmm1, m128');
  });

  it('gathers have a vector index and three different registers', () => {
    assertReads({
      'c4 e2 69 90 04 0f': 'VPGATHERDD xmm0, vm32 by xmm1, xmm2',
      'c4 e2 ed 90 04 0f': 'VPGATHERDQ ymm0, vm64 by xmm1, ymm2',
      'c4 e2 6d 91 04 0f': 'VPGATHERQD xmm0, vm32 by ymm1, xmm2',
      'c4 e2 ed 93 04 27': 'VGATHERQPD ymm0, vm64 by ymm4, ymm2',
      'c4 e2 69 90 04 07': 'undefined',
      'c4 e2 71 90 04 0f': 'undefined',
      'c4 e2 79 90 04 0f': 'undefined',
      'c4 e2 69 90 00': 'undefined',
      'c4 e2 69 90 c1': 'undefined',
    });
    assert.equal(read('c4 e2 69 90 04 0f', 16), 'undefined');
  });

  it('C4 and C5 are LES and LDS where there is no VEX', () => {
    assert.equal(read('c5 06 00 00', 16), 'LDS r16, m32');
    const withoutVex = DecoderFeature.ALL & ~DecoderFeature.VEX;
    assert.equal(read('c5 f0 58 c2', 16), 'VADDPS xmm0, xmm1, xmm2');
    assert.equal(read('c5 f0 58 c2', 16, withoutVex), 'undefined');
  });
});
