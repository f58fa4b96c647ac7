import assert from 'node:assert/strict';
import { CPU_MODELS } from '../../../emulator/cpu/cpuid';
import { dataBreakpoints, instructionBreakpoints, ioBreakpoints } from '../../../emulator/cpu/debug';
import { architecturalRoutines } from '../../../emulator/cpu/routines';
import { Cr4, Flag } from '../../../emulator/cpu/state';
import { Gpr, Seg, type Operand } from '../../../emulator/isa/instruction';
import {
  CODE32,
  CODE64,
  exceptionOf,
  execute,
  longModeCpu,
  protectedModeCpu,
  register,
  setLevel,
  TSS,
  USER_CS,
  USER_CS32,
  type TestCpu,
} from './support';

const DX = register(Gpr.RDX, 2);
const AL = register(Gpr.RAX, 1);
const EAX = register(Gpr.RAX, 4);

function element(segment: Seg, base: Gpr, size: 1 | 2 | 4): Operand {
  return { kind: 'memory', size, segment, base, index: -1, scale: 0, displacement: 0n, ripRelative: false };
}

/** A device at ports 40h to 43h that logs. */
function withDevice(cpu: TestCpu): string[] {
  const log: string[] = [];
  cpu.bus.claimPorts(0x40, 0x43, {
    read: (port, size) => {
      log.push(`read ${port.toString(16)}/${size}`);
      return 0x89abcdef;
    },
    write: (port, size, value) => log.push(`write ${port.toString(16)}/${size} ${value.toString(16)}`),
  });
  return log;
}

describe('IN and OUT', () => {
  it('move the accumulator at its size', () => {
    const cpu = longModeCpu();
    const log = withDevice(cpu);
    cpu.state.gpr[Gpr.RAX] = 0xffffffffffffffffn;
    cpu.state.gpr[Gpr.RDX] = 0xffff0040n;
    execute(cpu, 'IN', { operands: [AL, DX] });
    assert.equal(cpu.state.gpr[Gpr.RAX], 0xffffffffffffffefn);
    execute(cpu, 'IN', { operands: [EAX, { kind: 'immediate', value: 0x41n, size: 1 }] });
    assert.equal(cpu.state.gpr[Gpr.RAX], 0x89abcdefn);
    execute(cpu, 'OUT', { operands: [DX, register(Gpr.RAX, 2)] });
    assert.deepEqual(log, ['read 40/1', 'read 41/4', 'write 40/2 cdef']);
  });

  it('in ring 3 need IOPL 3 or clear bits in the I/O permission bitmap', () => {
    const cpu = longModeCpu();
    withDevice(cpu);
    setLevel(cpu, 3, USER_CS, CODE64);
    cpu.state.gpr[Gpr.RDX] = 0x40n;
    const read = (size: 1 | 2 | 4) =>
      exceptionOf(() => execute(cpu, 'IN', { operands: [register(Gpr.RAX, size), DX] }));
    cpu.memory.writeU16(TSS + 102, 0x68);
    assert.equal(read(1), '13(0)');
    cpu.state.tr.limit = 0x68 + 9;
    cpu.memory.writeU8(TSS + 0x68 + 8, 0x08);
    assert.equal(read(2), 'none');
    assert.equal(read(4), '13(0)', 'port 43h is denied');
    cpu.state.tr.limit = 0x68 + 8;
    assert.equal(read(1), '13(0)', 'the byte after the last is read too');
    cpu.state.rflags = Flag.IOPL;
    assert.equal(read(4), 'none');
  });

  it('INS stores at ES:RDI and OUTS reads at the segment of its operand, both move by DF', () => {
    const cpu = longModeCpu();
    const log = withDevice(cpu);
    cpu.state.gpr[Gpr.RDX] = 0x40n;
    cpu.state.gpr[Gpr.RDI] = 0x5000n;
    execute(cpu, 'INS', { operandSize: 4, operands: [element(Seg.ES, Gpr.RDI, 4), DX] });
    assert.equal(cpu.memory.readU32(0x5000), 0x89abcdef);
    assert.equal(cpu.state.gpr[Gpr.RDI], 0x5004n);
    cpu.state.rflags = Flag.DF;
    cpu.state.segments[Seg.FS].base = 0x4000n;
    cpu.state.gpr[Gpr.RSI] = 0x1001n;
    execute(cpu, 'OUTS', { operandSize: 2, operands: [DX, element(Seg.FS, Gpr.RSI, 1)] });
    assert.deepEqual(log, ['read 40/4', 'write 40/1 cd']);
    assert.equal(cpu.state.gpr[Gpr.RSI], 0x1000n);
  });

  it('INS does not read the port if the value cannot be stored', () => {
    const cpu = longModeCpu();
    const log = withDevice(cpu);
    cpu.state.gpr[Gpr.RDX] = 0x40n;
    cpu.state.gpr[Gpr.RDI] = 0x40000000n;
    const ins = () => execute(cpu, 'INS', { operandSize: 1, operands: [element(Seg.ES, Gpr.RDI, 1), DX] });
    assert.equal(exceptionOf(ins), '14(2)');
    assert.deepEqual(log, []);
  });
});

describe('POPF', () => {
  function popf(cpu: TestCpu, image: number, operandSize: 2 | 4 | 8): number {
    cpu.memory.writeU64(0x1e000, BigInt(image));
    cpu.state.gpr[Gpr.RSP] = 0x1e000n;
    execute(cpu, 'POPF', { operandSize });
    assert.equal(cpu.state.gpr[Gpr.RSP], 0x1e000n + BigInt(operandSize));
    return cpu.state.rflags;
  }

  it('in ring 0 sets everything but RF, VM, VIF and VIP', () => {
    assert.equal(popf(longModeCpu(), 0xffffffff, 8), 0x247fd7);
  });

  it('with a 16-bit operand keeps the upper half', () => {
    const cpu = longModeCpu();
    cpu.state.rflags = Flag.AC;
    assert.equal(popf(cpu, 0, 2), Flag.AC | Flag.FIXED);
  });

  it('in ring 3 leaves IOPL, and IF unless IOPL is 3', () => {
    const cpu = longModeCpu();
    setLevel(cpu, 3, USER_CS, CODE64);
    cpu.state.rflags = Flag.IF;
    assert.equal(popf(cpu, Flag.IOPL | Flag.CF, 8), Flag.IF | Flag.CF | Flag.FIXED);
    cpu.state.rflags = Flag.IF | Flag.IOPL;
    assert.equal(popf(cpu, 0, 8), Flag.IOPL | Flag.FIXED);
  });
});

describe('CLI, STI, HLT, CLAC, STAC', () => {
  it('respect privilege', () => {
    const cpu = longModeCpu();
    setLevel(cpu, 3, USER_CS, CODE64);
    for (const mnemonic of ['CLI', 'STI', 'HLT'])
      assert.equal(
        exceptionOf(() => execute(cpu, mnemonic)),
        '13(0)',
      );
    for (const mnemonic of ['CLAC', 'STAC'])
      assert.equal(
        exceptionOf(() => execute(cpu, mnemonic)),
        '6',
      );
    cpu.state.rflags = Flag.IOPL;
    execute(cpu, 'STI');
    assert.equal(cpu.state.flag(Flag.IF), true);
    setLevel(cpu, 0, 0x10, CODE64);
    execute(cpu, 'STAC');
    assert.equal(cpu.state.flag(Flag.AC), true);
    execute(cpu, 'HLT');
    assert.equal(cpu.state.halted, true);
  });
});

describe('INVLPG and INVPCID', () => {
  it('tell the translation cache what became stale', () => {
    const cpu = longModeCpu();
    cpu.operandAddress = 0x7000n;
    execute(cpu, 'INVLPG');
    cpu.memory.writeU64(0x7000, 5n);
    cpu.memory.writeU64(0x7008, 0x1234000n);
    const invpcid = (type: bigint) => {
      cpu.state.gpr[Gpr.RAX] = type;
      return exceptionOf(() => execute(cpu, 'INVPCID', { operands: [register(Gpr.RAX)] }));
    };
    assert.equal(invpcid(1n), '13(0)', 'a PCID without CR4.PCIDE');
    cpu.state.cr4 |= Cr4.PCIDE;
    for (const type of [0n, 1n, 2n, 3n]) assert.equal(invpcid(type), 'none');
    assert.equal(invpcid(4n), '13(0)');
    cpu.memory.writeU64(0x7000, 0x1000n);
    assert.equal(invpcid(2n), '13(0)', 'reserved bits');
    assert.deepEqual(cpu.flushes, [
      { kind: 'page', argument: 0x7000n },
      { kind: 'page', argument: 0x1234000n },
      { kind: 'pcid', argument: 5n },
      { kind: 'all', argument: 0n },
      { kind: 'all', argument: 1n },
    ]);
  });
});

describe('RDFSBASE and its kin', () => {
  it('need CR4.FSGSBASE; WRGSBASE takes canonical addresses only', () => {
    const cpu = longModeCpu();
    assert.equal(
      exceptionOf(() => execute(cpu, 'RDFSBASE', { operands: [register(Gpr.RAX)] })),
      '6',
    );
    cpu.state.cr4 |= Cr4.FSGSBASE;
    cpu.state.gpr[Gpr.RAX] = 0xffff888012345678n;
    execute(cpu, 'WRGSBASE', { operands: [register(Gpr.RAX)] });
    execute(cpu, 'RDGSBASE', { operands: [register(Gpr.RCX, 4)] });
    assert.equal(cpu.state.gpr[Gpr.RCX], 0x12345678n);
    cpu.state.gpr[Gpr.RAX] = 1n << 47n;
    assert.equal(
      exceptionOf(() => execute(cpu, 'WRFSBASE', { operands: [register(Gpr.RAX)] })),
      '13(0)',
    );
    execute(cpu, 'WRFSBASE', { operandSize: 4, operands: [register(Gpr.RAX, 4)] });
    assert.equal(cpu.state.segments[Seg.FS].base, 0n);
  });
});

describe('RDTSC', () => {
  it('reads the counter; CR4.TSD keeps it from ring 3', () => {
    const cpu = longModeCpu();
    cpu.timestamp = 0x123456789n;
    cpu.state.tscAux = 7n;
    execute(cpu, 'RDTSCP');
    assert.deepEqual(
      [Gpr.RDX, Gpr.RAX, Gpr.RCX].map((index) => cpu.state.gpr[index]),
      [1n, 0x23456789n, 7n],
    );
    cpu.state.cr4 |= Cr4.TSD;
    execute(cpu, 'RDTSC');
    setLevel(cpu, 3, USER_CS, CODE64);
    assert.equal(
      exceptionOf(() => execute(cpu, 'RDTSC')),
      '13(0)',
    );
  });
});

describe('BOUND and the undefined instructions', () => {
  it('BOUND raises #BR outside of the bounds, which are signed', () => {
    const cpu = protectedModeCpu();
    setLevel(cpu, 3, USER_CS32, CODE32);
    cpu.operandAddress = 0x5000n;
    cpu.memory.writeU32(0x5000, 0xfffffffe);
    cpu.memory.writeU32(0x5004, 3);
    const bound = (index: bigint) => {
      cpu.state.gpr[Gpr.RAX] = index;
      return exceptionOf(() => execute(cpu, 'BOUND', { operandSize: 4, operands: [EAX] }));
    };
    assert.deepEqual([bound(3n), bound(0xfffffffen), bound(4n), bound(0xfffffffdn)], ['none', 'none', '5', '5']);
  });

  it('UD2, RSM, the virtualization instructions and MONITOR without its feature are #UD', () => {
    const cpu = longModeCpu();
    for (const mnemonic of ['UD0', 'UD1', 'UD2', 'RSM', 'VMCALL', 'VMRUN', 'MONITOR', 'MWAIT', 'XGETBV', 'RDPID']) {
      assert.equal(
        exceptionOf(() => execute(cpu, mnemonic)),
        '6',
        mnemonic,
      );
    }
  });

  it('every routine is named in capitals, as the decoder names it', () => {
    for (const mnemonic of Object.keys(architecturalRoutines)) assert.match(mnemonic, /^[A-Z0-9_]+$/);
  });
});

describe('breakpoint registers', () => {
  function state(dr7: number, ...addresses: bigint[]) {
    const { state: result } = longModeCpu();
    result.dr7 = dr7;
    addresses.forEach((va, index) => (result.breakpointAddresses[index] = va));
    return result;
  }

  it('match instructions only with R/W 0 and an enable bit', () => {
    assert.equal(instructionBreakpoints(state(0x401, 0x1000n), 0x1000n), 1);
    assert.equal(instructionBreakpoints(state(0x400, 0x1000n), 0x1000n), 0);
    assert.equal(instructionBreakpoints(state(0x10401, 0x1000n), 0x1000n), 0);
    assert.equal(instructionBreakpoints(state(0x40a, 0x1000n, 0x1000n), 0x1000n), 3, 'global enables');
  });

  it('match data by overlap with the aligned range', () => {
    const writes = state(0xd0401, 0x1002n);
    assert.equal(dataBreakpoints(writes, 0x1000n, 1, 'write'), 1);
    assert.equal(dataBreakpoints(writes, 0x1003n, 8, 'write'), 1);
    assert.equal(dataBreakpoints(writes, 0x1004n, 8, 'write'), 0);
    assert.equal(dataBreakpoints(writes, 0x1000n, 4, 'read'), 0);
    assert.equal(dataBreakpoints(state(0xf0401, 0x1000n), 0x1000n, 4, 'read'), 1);
    assert.equal(dataBreakpoints(state(0xb0401, 0x1000n), 0x1007n, 1, 'read'), 1, 'eight bytes');
  });

  it('match ports with CR4.DE', () => {
    const io = state(0x20401, 0x3f8n);
    assert.equal(ioBreakpoints(io, 0x3f8, 1), 0);
    io.cr4 |= Cr4.DE;
    assert.equal(ioBreakpoints(io, 0x3f8, 1), 1);
  });
});

describe('CPU models', () => {
  it('are found by their names', () => {
    for (const [name, model] of Object.entries(CPU_MODELS)) assert.equal(model.name, name);
  });
});
