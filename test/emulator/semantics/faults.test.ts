import { Gpr, Vector } from '../../../emulator';
import type { Pc } from '../../../emulator/pc';
import { DATA, PAGE, assertFaultLeavesNoTrace, haveGnuAs, map } from './support';

/** Error codes of supervisor-mode page faults. */
const [READ, WRITE, WRITE_PRESENT] = [0, 2, 3];

/** The second page is taken away; registers are all different, RBX four bytes before that page. */
function secondPageAbsent(machine: Pc): void {
  fill(machine);
  map(machine, DATA + PAGE, 'absent');
}

function secondPageReadOnly(machine: Pc): void {
  fill(machine);
  map(machine, DATA + PAGE, 'read-only');
}

function fill({ state, memory }: Pc): void {
  state.gpr.forEach((_, i) => {
    state.gpr[i] = 0x1111111111111111n * BigInt(i + 1);
  });
  state.rflags |= 0x895;
  memory.load(DATA, new Uint8Array(3 * PAGE).fill(0x5a));
  state.gpr[Gpr.RBX] = BigInt(DATA + PAGE - 4);
  state.gpr[Gpr.RSP] = BigInt(DATA + PAGE + 8);
}

describe('Faults leave no trace', function () {
  before(function () {
    if (!haveGnuAs()) this.skip();
  });

  const readModifyWrite = [
    ...['add %rax, (%rbx)', 'adc $1, (%rbx)', 'incq (%rbx)', 'negq (%rbx)', 'notq (%rbx)', 'shlq $3, (%rbx)'],
    ...['rclq %cl, (%rbx)', 'shld $3, %rax, (%rbx)', 'btsq $3, (%rbx)', 'xchg %rax, (%rbx)', 'xadd %rax, (%rbx)'],
    ...['cmpxchg %rcx, (%rbx)', 'lock cmpxchg8b (%rbx)', 'lock add %rax, (%rbx)'],
  ].map((text) => text.replace(/^(adc) /, '$1q '));

  it('of a read-modify-write whose second half is not mapped', function () {
    for (const instruction of readModifyWrite) {
      const fault = { instruction, vector: Vector.PF, errorCode: WRITE, faultAddress: DATA + PAGE };
      assertFaultLeavesNoTrace(fault, secondPageAbsent);
    }
  });

  it('of a read-modify-write whose second half is read-only, although it would store what was there', function () {
    for (const instruction of [...readModifyWrite, 'orq $0, (%rbx)', 'shlq $0, (%rbx)']) {
      const fault = { instruction, vector: Vector.PF, errorCode: WRITE_PRESENT, faultAddress: DATA + PAGE };
      assertFaultLeavesNoTrace(fault, secondPageReadOnly);
    }
  });

  it('of a load, even for a conditional move that does not take place', function () {
    const loads = [
      'mov (%rbx), %rax',
      'add (%rbx), %rax',
      'cmp (%rbx), %rax',
      'cmovnc (%rbx), %rax',
      'imul (%rbx), %rax',
    ];
    for (const instruction of [
      ...loads,
      'mulq (%rbx)',
      'divq (%rbx)',
      'bsf (%rbx), %rax',
      'jmp *(%rbx)',
      'call *(%rbx)',
    ]) {
      const fault = { instruction, vector: Vector.PF, errorCode: READ, faultAddress: DATA + PAGE };
      assertFaultLeavesNoTrace(fault, secondPageAbsent);
    }
  });

  it('of PUSH, CALL, PUSHF and ENTER: RSP and RBP stay', function () {
    for (const instruction of [
      'push %rax',
      'push $1',
      'pushf',
      'call .',
      'call *%rax',
      'enter $16, $0',
      'pushq (%rdx)',
    ]) {
      const fault = { instruction, vector: Vector.PF, errorCode: WRITE, faultAddress: DATA + PAGE };
      assertFaultLeavesNoTrace(fault, (machine) => {
        secondPageAbsent(machine);
        machine.state.gpr[Gpr.RSP] = BigInt(DATA + PAGE + 8);
        machine.state.gpr[Gpr.RAX] = machine.state.gpr[Gpr.RDX] = BigInt(DATA);
      });
    }
  });

  it('of POP, RET, LEAVE and POPF: RSP and RBP stay', function () {
    for (const instruction of ['pop %rax', 'pop %rsp', 'popf', 'ret', 'ret $8', 'leave', 'popq (%rdx)']) {
      const fault = { instruction, vector: Vector.PF, errorCode: READ, faultAddress: DATA + PAGE };
      assertFaultLeavesNoTrace(fault, (machine) => {
        secondPageAbsent(machine);
        machine.state.gpr[Gpr.RSP] = machine.state.gpr[Gpr.RBP] = BigInt(DATA + PAGE - 4);
        machine.state.gpr[Gpr.RDX] = BigInt(DATA);
      });
    }
  });

  it('of POP to memory whose place to store is not there: RSP stays', function () {
    const fault = { instruction: 'popq (%rbx)', vector: Vector.PF, errorCode: WRITE, faultAddress: DATA + PAGE };
    assertFaultLeavesNoTrace(fault, (machine) => {
      secondPageAbsent(machine);
      machine.state.gpr[Gpr.RSP] = BigInt(DATA);
    });
  });

  it('of ENTER when the stack it reserves cannot be written', function () {
    const fault = { instruction: 'enter $4096, $0', vector: Vector.PF, errorCode: WRITE, faultAddress: DATA };
    assertFaultLeavesNoTrace(fault, (machine) => {
      fill(machine);
      map(machine, DATA, 'absent');
      machine.state.gpr[Gpr.RSP] = BigInt(DATA + PAGE + 8);
    });
  });

  it('of string instructions, whichever side faults', function () {
    for (const [instruction, errorCode, source, destination] of [
      ['movsq', READ, DATA + PAGE - 4, DATA],
      ['movsq', WRITE, DATA, DATA + PAGE - 4],
      ['stosq', WRITE, DATA, DATA + PAGE - 4],
      ['lodsq', READ, DATA + PAGE - 4, DATA],
      ['cmpsq', READ, DATA, DATA + PAGE - 4],
      ['scasq', READ, DATA, DATA + PAGE - 4],
    ] as const) {
      assertFaultLeavesNoTrace({ instruction, vector: Vector.PF, errorCode, faultAddress: DATA + PAGE }, (machine) => {
        secondPageAbsent(machine);
        machine.state.gpr[Gpr.RSI] = BigInt(source);
        machine.state.gpr[Gpr.RDI] = BigInt(destination);
      });
    }
  });

  it('of CMPXCHG16B: #GP if it is not aligned', function () {
    for (const instruction of ['cmpxchg16b (%rbx)', 'lock cmpxchg16b (%rbx)']) {
      assertFaultLeavesNoTrace({ instruction, vector: Vector.GP, errorCode: 0 }, (machine) => {
        fill(machine);
        machine.state.gpr[Gpr.RBX] = BigInt(DATA + 8);
      });
    }
  });

  it('of a near transfer to an address that is not canonical: #GP at the transfer', function () {
    for (const instruction of ['jmp *%rax', 'call *%rax', 'jmp *(%rbx)', 'call *(%rbx)', 'ret', 'ret $16']) {
      assertFaultLeavesNoTrace({ instruction, vector: Vector.GP, errorCode: 0 }, (machine) => {
        fill(machine);
        const { gpr } = machine.state;
        gpr[Gpr.RAX] = 0x800000000000n;
        gpr[Gpr.RSP] = gpr[Gpr.RBX] = BigInt(DATA + 0x100);
        machine.memory.writeU64(DATA + 0x100, gpr[Gpr.RAX]);
      });
    }
  });

  it('of an address that is not canonical: #SS for stack references, else #GP', function () {
    for (const [instruction, vector] of [
      ['mov (%rax), %rcx', Vector.GP],
      ['mov 8(%rbp), %rcx', Vector.SS],
      ['mov %rcx, 8(%rsp)', Vector.SS],
      ['push %rcx', Vector.SS],
      ['pop %rcx', Vector.SS],
      ['leave', Vector.SS],
      ['movsb', Vector.GP],
    ] as const) {
      assertFaultLeavesNoTrace({ instruction, vector, errorCode: 0 }, (machine) => {
        fill(machine);
        const { gpr } = machine.state;
        gpr[Gpr.RAX] = gpr[Gpr.RSP] = gpr[Gpr.RBP] = gpr[Gpr.RSI] = 0x0123456789abcdefn;
      });
    }
  });

  it('of DIV and IDIV: #DE', function () {
    for (const instruction of ['divq (%rbx)', 'idivl %ecx', 'divb %cl', 'idivq %rax']) {
      assertFaultLeavesNoTrace({ instruction, vector: Vector.DE }, (machine) => {
        fill(machine);
        const { gpr } = machine.state;
        gpr[Gpr.RCX] = 0n;
        gpr[Gpr.RAX] = instruction === 'idivq %rax' ? 1n : gpr[Gpr.RAX];
        gpr[Gpr.RDX] = 1n << 63n;
        machine.memory.writeU64(DATA + PAGE - 4, 1n);
      });
    }
  });
});
