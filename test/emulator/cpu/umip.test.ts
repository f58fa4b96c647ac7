import assert from 'node:assert/strict';
import { writeControlRegister } from '../../../emulator/cpu/control-registers';
import { enterVirtual8086 } from '../../../emulator/cpu/virtual-8086';
import { Cr4, Flag } from '../../../emulator/cpu/state';
import { Gpr, type Operand } from '../../../emulator/isa/instruction';
import { CODE64, exceptionOf, execute, longModeCpu, protectedModeCpu, register, setLevel, USER_CS } from './support';

const EAX = register(Gpr.RAX, 4);
const MEMORY: Operand = {
  ...{ kind: 'memory', size: 0, segment: 3, base: -1, index: -1, scale: 0, displacement: 0n, ripRelative: false },
};
const STORES = ['SGDT', 'SIDT', 'SLDT', 'STR', 'SMSW'];
const operandsOf = (mnemonic: string): Operand[] => (/^S[GI]DT$/.test(mnemonic) ? [MEMORY] : [EAX]);

describe('UMIP', () => {
  it('keeps SGDT, SIDT, SLDT, STR and SMSW from CPL 1 to 3, not from CPL 0', () => {
    const cpu = longModeCpu();
    const attempt = (mnemonic: string): string =>
      exceptionOf(() => execute(cpu, mnemonic, { operands: operandsOf(mnemonic) }));
    cpu.operandAddress = 0x18000n;
    setLevel(cpu, 3, USER_CS, CODE64);
    for (const mnemonic of STORES) assert.equal(attempt(mnemonic), 'none', `${mnemonic} without UMIP`);
    writeControlRegister(cpu, 4, BigInt(cpu.state.cr4 | Cr4.UMIP));
    for (const cpl of [1, 2, 3]) {
      cpu.state.cpl = cpl;
      for (const mnemonic of STORES) assert.equal(attempt(mnemonic), '13(0)', `${mnemonic} at CPL ${cpl}`);
    }
    cpu.state.cpl = 0;
    for (const mnemonic of STORES) assert.equal(attempt(mnemonic), 'none', `${mnemonic} at CPL 0`);
  });

  it('comes before what is wrong with the memory operand', () => {
    const cpu = longModeCpu();
    cpu.operandAddress = 0x7000_0000n;
    setLevel(cpu, 3, USER_CS, CODE64);
    const attempt = (): string => exceptionOf(() => execute(cpu, 'SGDT', { operands: [MEMORY] }));
    assert.equal(attempt(), '14(6)');
    cpu.state.cr4 |= Cr4.UMIP;
    assert.equal(attempt(), '13(0)');
  });

  it('holds in virtual-8086 mode, where SLDT and STR do not exist anyway', () => {
    const cpu = protectedModeCpu();
    enterVirtual8086(
      cpu.state,
      Flag.FIXED | Flag.VM | Flag.IOPL,
      [0, 1, 2, 3, 4, 5].map((seg) => [seg, 0x1000]),
    );
    cpu.operandAddress = 0x18000n;
    const attempt = (mnemonic: string): string =>
      exceptionOf(() => execute(cpu, mnemonic, { operands: operandsOf(mnemonic) }));
    assert.deepEqual(STORES.map(attempt), ['none', 'none', '6', '6', 'none']);
    cpu.state.cr4 |= Cr4.UMIP;
    assert.deepEqual(STORES.map(attempt), ['13(0)', '13(0)', '6', '6', '13(0)']);
  });

  it('does not reach real-address mode', () => {
    const cpu = protectedModeCpu();
    cpu.state.cr0 &= ~1;
    cpu.state.cr4 |= Cr4.UMIP;
    assert.equal(
      exceptionOf(() => execute(cpu, 'SMSW', { operands: [EAX] })),
      'none',
    );
  });

  it('cannot be set on a model that does not have it', () => {
    const cpu = longModeCpu('intel,-UMIP');
    assert.equal(
      exceptionOf(() => writeControlRegister(cpu, 4, BigInt(cpu.state.cr4 | Cr4.UMIP))),
      '13(0)',
    );
  });
});
