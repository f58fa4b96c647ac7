/**
 * Random programs in real-address mode: 16-bit and 32-bit addresses through segments whose limits differ, string
 * instructions, branches of all kinds, and faults at the ends of segments. Loading a segment register there changes its
 * base alone, so that the limits are those the machine was made with. Needs GNU as.
 */
import { createMachine, decode, Seg, type EngineStages } from '../../../emulator';
import type { Pc } from '../../../emulator/pc';
import { Random } from '../random';
import { gnuAssemble } from '../../emulator/engine/support';
import { CONDITIONS } from './instructions';
import { memoryDifference, type Subject } from './subject';

const WORDS = ['%ax', '%cx', '%dx', '%si', '%di'];
const LONGS = ['%eax', '%ecx', '%edx', '%esi', '%edi'];
const BYTES = ['%al', '%cl', '%dl', '%ah', '%ch', '%dh'];
const OVERRIDES = ['', '', '', '%es:', '%fs:', '%gs:', '%ss:', '%cs:'];

/** Where the handlers and the program are, as segments; real-address mode multiplies them by 16. */
const HANDLERS = 0x0060;
const PROGRAM = 0x1000;
const STACK_TOP = 0x7f00;
/** From one handler's first instruction to the next. */
const ENTRY_BYTES = 8;
/** Variables of the handlers, in segment 0. */
const HASH = 0x500;
const ROUNDS = 0x508;
const DATA_SEGMENTS = [0x2000, 0x2100, 0x20ff, 0x3001];
const MEMORY_BYTES = 1 << 20;

/** Every vector up to the timer's goes through here; what is no timer tick begins the program anew. */
function handlers(): string {
  const entries = Array.from(
    { length: 0x21 },
    (_, vector) => `  .balign ${ENTRY_BYTES}\n  push $${vector}\n  jmp common\n`,
  );
  return `.code16
${entries.join('')}
common:
  push %ax
  push %bp
  push %ds
  mov %sp, %bp
  xor %ax, %ax
  mov %ax, %ds
  mov 6(%bp), %ax
  rolw $5, ${HASH}
  xor %ax, ${HASH}
  mov 8(%bp), %ax
  add %ax, ${HASH}
  mov 10(%bp), %ax
  xor %ax, ${HASH}+2
  cmpw $0x20, 6(%bp)
  jne 1f
  mov $0x20, %al
  out %al, $0x20
  pop %ds
  pop %bp
  pop %ax
  add $2, %sp
  iret
1:
  xor %ax, %ax
  mov %ax, %ss
  mov $${STACK_TOP}, %sp
  sti
  ljmp $${PROGRAM}, $0
`;
}

class RealModeProgram {
  private readonly random: Random;
  private readonly lines: string[] = [];
  private labels = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  source(): string {
    const { random, lines } = this;
    lines.push(
      '.code16',
      'recover:',
      '  cld',
      '  xor %ax, %ax',
      '  mov %ax, %ds',
      `  incw ${ROUNDS}`,
      `  cmpw $${200 + random.below(2000)}, ${ROUNDS}`,
      '  ja finish',
      `  mov $${random.pick(DATA_SEGMENTS)}, %ax`,
      '  mov %ax, %ds',
      `  mov $${random.pick(DATA_SEGMENTS)}, %ax`,
      '  mov %ax, %es',
      '  movzx %bx, %ebx',
      '  and $0x3ff, %bx',
      '  mov $0x100, %bp',
      '  movzx %bp, %ebp',
    );
    this.body(15 + random.below(50));
    lines.push('  push %cx', '  mov $30, %cx', 'again:', '  push %cx');
    this.body(3 + random.below(20), false);
    lines.push('  pop %cx', `  ${random.pick(['loop again', 'dec %cx\n  jnz again'])}`, '  pop %cx');
    lines.push('  jmp recover', 'finish:', '  cli', '  hlt', 'leaf:');
    this.body(4, false);
    lines.push('  ret', 'far:', '  inc %dx', '  lret');
    return lines.join('\n');
  }

  private body(count: number, calls = true): void {
    const { random, lines } = this;
    const open: { label: string; at: number }[] = [];
    for (let i = 0; i < count; i++) {
      for (const branch of open.filter(({ at }) => at === i)) lines.push(`${branch.label}:`);
      if (random.chance(14)) {
        const label = `l${this.labels++}`;
        open.push({ label, at: i + 1 + random.below(5) });
        if (random.chance(60)) lines.push(`  ${random.pick(['cmp', 'test', 'add', 'sub'])} %dx, %ax`);
        lines.push(`  ${random.pick([...CONDITIONS.map((each) => `j${each}`), 'jcxz', 'jecxz'])} ${label}`);
      } else if (calls && random.chance(6)) {
        lines.push(random.pick(['  call leaf', '  mov $leaf-recover, %si\n  call *%si', '  push %cs\n  call far']));
      } else lines.push(`  ${this.instruction()}`);
    }
    for (const branch of open.filter(({ at }) => at >= count)) lines.push(`${branch.label}:`);
  }

  private memory(): string {
    const { random } = this;
    let displacement = random.below(0x800);
    if (random.chance(10)) displacement = random.pick([0x3ffe, 0x4fff, 0x7ffd, 0xfffe, 0xffff, 0xfffd]);
    const bases = [
      '(%bx)',
      '(%bp)',
      '(%bx,%si)',
      '(%bx,%di)',
      '(%bp,%si)',
      '(%si)',
      '',
      '(%ebx)',
      '(%ebp)',
      '(%ebx,%ebp,4)',
    ];
    // SI and DI hold anything: accesses through them often go beyond the segment.
    const base = random.chance(70) ? random.pick(['(%bx)', '(%bp)', '(%ebx)', '']) : random.pick(bases);
    return `${random.pick(OVERRIDES)}${displacement}${base}`;
  }

  private instruction(): string {
    const { random } = this;
    const [suffix, registers] = random.pick([
      ['w', WORDS],
      ['l', LONGS],
      ['b', BYTES],
    ] as const);
    const register = random.pick(registers);
    const binary = random.pick(['add', 'sub', 'xor', 'and', 'or', 'cmp', 'adc', 'sbb', 'mov']);
    switch (random.below(20)) {
      case 0:
      case 1:
      case 2:
        return `${binary}${suffix} ${random.pick([random.pick(registers), `$${random.below(128)}`])}, ${register}`;
      case 3:
      case 4:
      case 5:
        return `${binary}${suffix} ${this.memory()}, ${register}`;
      case 6:
      case 7:
      case 8:
        return `${binary}${suffix} ${register}, ${this.memory()}`;
      case 9:
        return `${random.pick(['inc', 'dec', 'neg', 'not', 'rol', 'shl', 'sar'])}${suffix} ${random.chance(50) ? register : this.memory()}`;
      case 10:
        return random.pick([
          'push %ax\n  pop %dx',
          'push %ecx\n  pop %eax',
          'pusha\n  popa',
          `pushw ${this.memory()}\n  pop %cx`,
          `push %ax\n  popw ${this.memory()}`,
        ]);
      case 11:
        return `mov $${random.pick(DATA_SEGMENTS)}, %ax\n  mov %ax, ${random.pick(['%ds', '%es', '%fs', '%gs'])}`;
      case 12: {
        const name = random.pick(['movs', 'stos', 'lods', 'cmps', 'scas']);
        const prefix =
          name === 'cmps' || name === 'scas' ? random.pick(['', 'repe ', 'repne ']) : random.pick(['', 'rep ']);
        const width = random.pick(['b', 'w', 'l']);
        const address = random.chance(20) ? 'addr32 ' : '';
        return `mov $${random.below(0x4f00)}, %si\n  mov $${random.below(0x5100)}, %di\n  mov $${random.below(300)}, %cx\n  ${address}${prefix}${name}${width}`;
      }
      case 13:
        return `${random.pick(['bt', 'bts', 'btc'])}w ${random.pick(['%cx', '%dx'])}, ${this.memory()}`;
      case 14:
        return random.pick(['xlat', 'cbw', 'cwd', 'lahf', 'sahf', 'cld', 'clc', 'aaa', 'daa']);
      case 15:
        return `lea ${this.memory().replace(/^%..:/, '')}, ${random.pick(['%si', '%di', '%ecx'])}`;
      case 16:
        return `pushf\n  pop %dx\n  and $0x8d5, %dx`;
      case 17:
        return random.pick(['div %cl', 'mul %dx', 'imul %cx, %dx', 'xor %dx, %dx\n  div %cx']);
      case 18:
        return random.chance(15) ? random.pick(['int $5', 'int3', 'ud2', 'into', 'mov %si, %sp', 'std']) : 'nop';
      default:
        return `${random.pick(['movzbw', 'movsbw'])} %al, %cx`;
    }
  }
}

/** A program and its handlers. */
interface RealModeGuest {
  readonly seed: number;
  readonly program: Uint8Array;
  readonly handlers: Uint8Array;
}

/** Where the instructions of 16-bit code are. */
function offsetsOf(code: Uint8Array): number[] {
  const offsets: number[] = [];
  for (let at = 0; at < code.length;) {
    const instruction = decode(code, at, code.length - at, 16);
    if (typeof instruction === 'string') break;
    offsets.push(at);
    at += instruction.length;
  }
  return offsets;
}

/** The guest that belongs to a number, in real-address mode. */
export function realModeSubject(seed: number): Subject {
  const guest = {
    seed,
    program: gnuAssemble(new RealModeProgram(seed).source(), 32),
    handlers: gnuAssemble(handlers(), 32),
  };
  return {
    machine: (engine) => machineFor(guest, engine),
    addresses: offsetsOf(guest.program).map((offset) => PROGRAM * 16 + offset),
    data: (random) => random.pick(DATA_SEGMENTS) * 16 + random.below(0x800),
    difference: (a, b) => memoryDifference(a, b, 0, MEMORY_BYTES),
  };
}

/** A machine about to execute the program's first instruction. */
function machineFor(guest: RealModeGuest, engine: EngineStages): Pc {
  const machine = createMachine({ memoryBytes: MEMORY_BYTES, engine });
  const { memory, state } = machine;
  const random = new Random(guest.seed ^ 0x16);
  memory.load(PROGRAM * 16, guest.program);
  memory.load(HANDLERS * 16, guest.handlers);
  for (let vector = 0; vector < 0x21; vector++) {
    memory.writeU16(4 * vector, ENTRY_BYTES * vector);
    memory.writeU16(4 * vector + 2, HANDLERS);
  }
  state.segments.forEach((segment, i) => {
    const code = i === Number(Seg.CS);
    const limit = random.pick([0xffff, 0xffff, 0x4fff, 0x7ffe, 0xffffffff]);
    const fixed = code || i === Number(Seg.SS);
    Object.assign(segment, { selector: 0, base: 0n, limit: fixed ? 0xffff : limit, rights: code ? 0x9b : 0x93 });
  });
  Object.assign(state.segments[Seg.CS], { selector: PROGRAM, base: BigInt(PROGRAM * 16) });
  Object.assign(state.idtr, { base: 0n, limit: 0x3ff });
  state.cr0 = 0x10;
  state.rip = 0n;
  for (let i = 0; i < 8; i++) state.gpr[i] = BigInt.asUintN(32, random.operand());
  state.gpr[4] = BigInt(STACK_TOP);
  state.rflags = 0x202;
  return machine;
}
