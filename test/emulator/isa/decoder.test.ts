/** The decoder's rules one by one, as the SDM, vol. 2, chapter 2 and appendix A state them. */
import assert from 'node:assert/strict';
import { decode, DecoderFeature, mnemonics } from '../../../emulator/isa/decoder';
import type { CodeSize, DecodeFailure } from '../../../emulator/isa/decoder';
import type { Instruction, MemoryOperand } from '../../../emulator/isa/instruction';
import { Gpr, Seg } from '../../../emulator/isa/instruction';
import { realText } from './elf-text';

const bytesOf = (hex: string) => Uint8Array.from(hex.split(' '), (byte) => parseInt(byte, 16));

function attempt(hex: string, mode: CodeSize = 64, features?: number): Instruction | DecodeFailure {
  const bytes = bytesOf(hex);
  return decode(bytes, 0, bytes.length, mode, features);
}

function instruction(hex: string, mode: CodeSize = 64): Instruction {
  const result = attempt(hex, mode);
  if (typeof result === 'string') assert.fail(`${hex}: ${result}`);
  assert.equal(result.length, bytesOf(hex).length, hex);
  return result;
}

function memory(hex: string, mode: CodeSize = 64): MemoryOperand {
  const operand = instruction(hex, mode).operands.find((candidate) => candidate.kind === 'memory');
  assert.ok(operand, hex);
  return operand;
}

/** "MNEMONIC/operand size" of an instruction, or the failure. */
function name(hex: string, mode: CodeSize = 64): string {
  const result = attempt(hex, mode);
  return typeof result === 'string' ? result : `${result.mnemonic}/${result.operandSize}`;
}

describe('decoder', () => {
  describe('prefixes', () => {
    it('REX.W decides before 66', () => {
      assert.equal(name('66 48 89 c8'), 'MOV/8');
      assert.equal(name('66 89 c8'), 'MOV/2');
      assert.equal(name('89 c8'), 'MOV/4');
    });

    it('REX counts only directly before the opcode', () => {
      assert.equal(name('48 66 89 c8'), 'MOV/2');
      assert.equal(name('49 40 89 c8'), 'MOV/4');
    });

    it('REX without bits selects SPL instead of AH', () => {
      const [legacy] = instruction('88 e0').operands.slice(1);
      const [rex] = instruction('40 88 e0').operands.slice(1);
      assert.deepEqual(legacy, { kind: 'register', register: Gpr.RAX, size: 1, high: true });
      assert.deepEqual(rex, { kind: 'register', register: Gpr.RSP, size: 1, high: false });
    });

    it('40 to 4F are INC and DEC outside 64-bit mode', () => {
      assert.equal(name('48', 32), 'DEC/4');
      assert.equal(name('41', 16), 'INC/2');
    });

    it('66 and 67 toggle the default sizes', () => {
      for (const [mode, operandSize, addressSize] of [
        [16, 4, 4],
        [32, 2, 2],
        [64, 2, 4],
      ] as const) {
        const decoded = instruction('66 67 aa', mode);
        assert.deepEqual([decoded.operandSize, decoded.addressSize], [1, addressSize]);
        assert.equal(instruction('66 67 ab', mode).operandSize, operandSize);
      }
    });

    it('the last segment override wins, in 64-bit mode the last of FS and GS', () => {
      assert.equal(memory('2e 26 8b 07', 32).segment, Seg.ES);
      assert.equal(memory('64 3e 8b 00').segment, Seg.FS);
      assert.equal(memory('65 64 8b 00').segment, Seg.FS);
      assert.equal(memory('36 8b 00').segment, Seg.DS);
    });

    it('the last of F2 and F3 repeats a string instruction', () => {
      assert.equal(instruction('f2 f3 a4').repeat, 'rep');
      assert.equal(instruction('f3 f2 a6').repeat, 'repne');
      assert.equal(instruction('f3 89 c8').repeat, 'none');
    });

    it('F2 and F3 go before 66 as mandatory prefix, and 66 still sets the operand size', () => {
      assert.equal(name('66 f3 0f b8 c1'), 'POPCNT/2');
      assert.equal(name('f3 48 0f b8 c1'), 'POPCNT/8');
      assert.equal(name('0f b8 c1'), 'undefined');
    });

    it('LOCK wants a memory destination of a read-modify-write instruction', () => {
      assert.equal(instruction('f0 01 08').lock, true);
      for (const hex of ['f0 01 c8', 'f0 03 08', 'f0 39 08', 'f0 89 08', 'f0 0f a3 08', 'f0 90', 'f0 0f 22 c0'])
        assert.equal(attempt(hex), 'undefined', hex);
    });

    it('more than 15 bytes are too long, fewer than needed are truncated', () => {
      const prefixes = (count: number) => '66 '.repeat(count);
      assert.equal(name(`${prefixes(14)}90`), 'NOP/2');
      assert.equal(attempt(`${prefixes(15)}90`), 'too-long');
      assert.equal(attempt(`${prefixes(12)}81 c0 01 00 00`), 'too-long');
      assert.equal(attempt(prefixes(14).trim()), 'truncated');
      assert.equal(decode(new Uint8Array(16), 0, 0, 64), 'truncated');
    });

    it('an instruction that is too long may run into the end of the code', () => {
      for (const opcode of ['0f', '0f 38', '0f 3a', 'c5 f0', 'c4 e2 78', '8b', '81 80 00', 'e8']) {
        const prefixes = '2e '.repeat(15 - opcode.split(' ').length);
        for (const mode of [16, 32, 64] as const)
          assert.equal(attempt(`${prefixes}${opcode}`, mode), 'too-long', opcode);
      }
    });
  });

  describe('operand sizes', () => {
    it('near branches are 64-bit in 64-bit mode whatever 66 says', () => {
      assert.equal(name('66 e8 00 00 00 00'), 'CALL/8');
      assert.equal(name('66 c3'), 'RET/8');
      assert.equal(name('66 ff e0'), 'JMP/8');
      assert.equal(name('66 e8 00 00', 32), 'CALL/2');
    });

    it('PUSH and POP are 64-bit or 16-bit in 64-bit mode', () => {
      assert.equal(name('50'), 'PUSH/8');
      assert.equal(name('66 50'), 'PUSH/2');
      assert.equal(name('9d'), 'POPF/8');
      assert.equal(name('0f a0'), 'PUSH_SREG/8');
    });

    it('port input and output are at most 32-bit', () => {
      assert.equal(name('48 ed'), 'IN/4');
      assert.equal(name('48 6d'), 'INS/4');
    });

    it('control and debug registers move whole', () => {
      assert.equal(name('0f 20 c0'), 'MOV_CR/8');
      assert.equal(name('66 0f 20 c0', 32), 'MOV_CR/4');
      assert.equal(name('0f 23 f8', 16), 'MOV_DR/4');
    });

    it('far returns, IRET, SYSRET and SYSEXIT go by REX.W', () => {
      assert.equal(name('cf'), 'IRET/4');
      assert.equal(name('48 cf'), 'IRET/8');
      assert.equal(name('48 cb'), 'RET_FAR/8');
      assert.equal(name('48 0f 07'), 'SYSRET/8');
      assert.equal(name('0f 35'), 'SYSEXIT/4');
    });

    it('far pointers in memory hold a selector and an offset', () => {
      assert.equal(memory('ff 28').size, 6);
      assert.equal(memory('48 ff 28').size, 10);
      assert.equal(memory('66 ff 28').size, 4);
      assert.equal(memory('0f 01 10').size, 10);
      assert.equal(memory('0f 01 10', 32).size, 6);
    });
  });

  describe('addresses', () => {
    it('16-bit forms are those of table 2-1', () => {
      const pairs = ['00', '01', '02', '03', '04', '05', '07'].map((rm) => memory(`8b ${rm}`, 16));
      assert.deepEqual(
        pairs.map(({ base, index, segment }) => [base, index, segment]),
        [
          [Gpr.RBX, Gpr.RSI, Seg.DS],
          [Gpr.RBX, Gpr.RDI, Seg.DS],
          [Gpr.RBP, Gpr.RSI, Seg.SS],
          [Gpr.RBP, Gpr.RDI, Seg.SS],
          [Gpr.RSI, -1, Seg.DS],
          [Gpr.RDI, -1, Seg.DS],
          [Gpr.RBX, -1, Seg.DS],
        ],
      );
      assert.equal(memory('8b 06 34 12', 16).displacement, 0x1234n);
      assert.equal(memory('8b 46 fe', 16).segment, Seg.SS);
    });

    it('mod 0 with rm 5 is relative to RIP in 64-bit mode only', () => {
      assert.equal(memory('8b 05 f8 ff ff ff').ripRelative, true);
      assert.equal(memory('67 8b 05 f8 ff ff ff').ripRelative, true);
      assert.equal(memory('8b 05 f8 ff ff ff').displacement, -8n);
      assert.equal(memory('8b 05 f8 ff ff ff', 32).ripRelative, false);
      assert.equal(memory('8b 04 25 f8 ff ff ff').ripRelative, false);
    });

    it('index 4 means none, with REX.X it is R12', () => {
      assert.equal(memory('8b 04 24').index, -1);
      assert.equal(memory('42 8b 04 24').index, Gpr.R12);
    });

    it('R12 needs a SIB byte and R13 a displacement, and both default to DS', () => {
      assert.deepEqual([memory('41 8b 04 24').base, memory('41 8b 04 24').segment], [Gpr.R12, Seg.DS]);
      assert.deepEqual([memory('41 8b 45 00').base, memory('41 8b 45 00').segment], [Gpr.R13, Seg.DS]);
      assert.equal(memory('8b 45 00').segment, Seg.SS);
      assert.equal(memory('8b 04 24').segment, Seg.SS);
    });

    it('moffs is as wide as the address size and zero-extended', () => {
      assert.equal(memory('a1 ff ff ff ff ff ff ff ff').displacement, 0xffff_ffff_ffff_ffffn);
      assert.equal(memory('67 a1 ff ff ff ff').displacement, 0xffff_ffffn);
      assert.equal(memory('a1 ff ff', 16).displacement, 0xffffn);
    });
  });

  describe('immediates', () => {
    it('32-bit immediates are sign-extended to 64 bits, MOV has a 64-bit one', () => {
      assert.deepEqual(instruction('48 81 c0 ff ff ff ff').operands[1], { kind: 'immediate', value: -1n, size: 8 });
      assert.deepEqual(instruction('48 b8 00 00 00 00 00 00 00 80').operands[1], {
        kind: 'immediate',
        value: -(1n << 63n),
        size: 8,
      });
      assert.deepEqual(instruction('6a 80').operands[0], { kind: 'immediate', value: -128n, size: 8 });
    });

    it('ENTER has two, far pointers have offset and selector', () => {
      const enter = instruction('c8 34 12 05').operands;
      assert.deepEqual(enter, [
        { kind: 'immediate', value: 0x1234n, size: 2 },
        { kind: 'immediate', value: 5n, size: 1 },
      ]);
      const far = { kind: 'far', selector: 0x10, offset: 0xffff_fff0 };
      assert.deepEqual(instruction('ea f0 ff ff ff 10 00', 32).operands, [far]);
      assert.equal(attempt('ea f0 ff ff ff 10 00'), 'undefined');
    });

    it('shifts by one have an explicit count', () => {
      assert.deepEqual(instruction('d1 e0').operands[1], { kind: 'immediate', value: 1n, size: 1 });
    });
  });

  describe('opcodes', () => {
    it('invalid in 64-bit mode', () => {
      for (const hex of [
        '06',
        '0e',
        '27',
        '37',
        '60',
        '62 00',
        '82 c0 00',
        '9a 0 0 0 0 0 0',
        'c4 00',
        'ce',
        'd4 0a',
        'd6',
      ]) {
        assert.equal(attempt(`${hex} 0 0 0 0 0 0 0 0 0 0 0`), 'undefined', hex);
        assert.notEqual(attempt(`${hex} 0 0 0 0 0 0 0 0 0 0 0`, 32), 'undefined', hex);
      }
    });

    it('only in 64-bit mode', () => {
      for (const hex of ['0f 01 f8', 'f3 0f ae c0', 'f3 0f ae d8']) {
        assert.notEqual(attempt(hex), 'undefined', hex);
        assert.equal(attempt(hex, 32), 'undefined', hex);
      }
      assert.equal(name('63 c1'), 'MOVSXD/4');
      assert.equal(name('63 c1', 32), 'ARPL/4');
    });

    it('a load of CS, of a missing segment or control register and of DR8 is undefined', () => {
      for (const hex of ['8e c8', '8e f0', '8c f0', '0f 22 c8', '44 0f 22 c8', '44 0f 23 c0'])
        assert.equal(attempt(hex), 'undefined', hex);
      assert.equal(name('44 0f 22 c0'), 'MOV_CR/8');
    });

    it('90 is NOP, PAUSE or an exchange with R8', () => {
      assert.deepEqual(
        ['90', '66 90', 'f3 90', '41 90', 'f3 41 90'].map((hex) => name(hex)),
        ['NOP/4', 'NOP/2', 'PAUSE/4', 'XCHG/4', 'XCHG/4'],
      );
    });

    it('hints and prefetches are NOP', () => {
      for (const hex of ['0f 1f 44 00 00', '0f 1e fa', 'f3 0f 1e f8', '0f 18 00', '0f 0d 08', 'f3 48 0f 1e c0'])
        assert.equal(instruction(hex).mnemonic, 'NOP', hex);
    });

    it('3E in front of a near indirect branch is the no-track prefix', () => {
      for (const hex of ['3e ff e0', '3e ff d0', '3e 66 ff 20', '64 3e ff e0'])
        assert.equal(instruction(hex).notrack, true, hex);
      for (const hex of ['ff e0', '3e 64 ff e0', '3e eb 00', '3e ff 28', '3e c3', '2e ff e0'])
        assert.equal(instruction(hex).notrack, undefined, hex);
    });

    it('condition codes are folded', () => {
      const conditions = ['7f 00', '0f 8f 0 0 0 0', '0f 9f c0', '0f 4f c1'].map((hex) => instruction(hex).condition);
      assert.deepEqual(conditions, [15, 15, 15, 15]);
    });

    it('features choose between an old and a new meaning', () => {
      const meaning = (hex: string, features: number) => (attempt(hex, 64, features) as Instruction).mnemonic;
      assert.equal(meaning('f3 0f bc c1', DecoderFeature.BMI1), 'TZCNT');
      assert.equal(meaning('f3 0f bc c1', 0), 'BSF');
      assert.equal(meaning('f3 0f bd c1', DecoderFeature.LZCNT), 'LZCNT');
      assert.equal(meaning('f3 0f bd c1', 0), 'BSR');
      assert.equal(meaning('f3 0f 09', DecoderFeature.WBNOINVD), 'WBNOINVD');
      assert.equal(meaning('f3 0f 09', 0), 'WBINVD');
      assert.equal(meaning('f3 0f 1e fa', DecoderFeature.CET_IBT), 'ENDBR64');
      assert.equal(meaning('f3 0f 1e fb', DecoderFeature.CET_IBT), 'ENDBR32');
      assert.equal(meaning('f3 48 0f 1e c8', DecoderFeature.CET_SS), 'RDSSP');
      for (const hex of ['f3 0f 1e fa', 'f3 0f 1e fb', 'f3 48 0f 1e c8']) assert.equal(meaning(hex, 0), 'NOP', hex);
    });

    it('VEX.vvvv, L and prefixes before VEX are checked', () => {
      assert.equal(name('c4 e2 f8 f2 c3'), 'ANDN/8');
      assert.equal(name('c4 e2 f8 f2 c3', 32), 'ANDN/4');
      for (const hex of ['c4 e2 fc f2 c3', '66 c4 e2 78 f2 c3', '48 c4 e2 78 f2 c3', 'c4 e3 73 f0 c1 05'])
        assert.equal(attempt(hex), 'undefined', hex);
      assert.equal(name('c4 00', 32), 'LES/4');
      assert.equal(attempt('c4 e2 78 f2 c3', 16, DecoderFeature.ALL & ~DecoderFeature.VEX), 'undefined');
    });

    it('string instructions name their memory operands, the source overridable', () => {
      const [destination, source] = instruction('64 a5').operands as MemoryOperand[];
      assert.deepEqual([destination.base, destination.segment], [Gpr.RDI, Seg.ES]);
      assert.deepEqual([source.base, source.segment], [Gpr.RSI, Seg.FS]);
      assert.equal(memory('64 aa').segment, Seg.ES);
    });
  });

  it('names every mnemonic once, in SDM capitals', () => {
    assert.equal(new Set(mnemonics).size, mnemonics.length);
    for (const mnemonic of mnemonics) assert.match(mnemonic, /^[A-Z][A-Z0-9_]*(cc)?$/);
  });

  it('says truncated for every proper beginning of an instruction, wherever it stands', function () {
    const text = realText();
    if (!text) return this.skip();
    for (let at = 0, count = 0; count < 3000 && at + 15 < text.length; count++) {
      const whole = decode(text, at, text.length - at, 64);
      const length = typeof whole === 'string' ? 1 : whole.length;
      if (typeof whole !== 'string') {
        for (let available = 0; available < length; available++)
          assert.equal(decode(text, at, available, 64), 'truncated');
        assert.deepEqual(decode(text, at, length, 64), whole);
        assert.ok(mnemonics.includes(whole.mnemonic));
      }
      at += length;
    }
  });
});
