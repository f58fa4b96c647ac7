/** Random instructions, as AT&T text, that go on at the next one unless they fault. */
import type { Random } from '../random';
import * as at from './guest-layout';

const NAMES: readonly (readonly string[])[] = [
  ['%rax', '%eax', '%ax', '%al', '%ah'],
  ['%rcx', '%ecx', '%cx', '%cl', '%ch'],
  ['%rdx', '%edx', '%dx', '%dl', '%dh'],
  ['%rsi', '%esi', '%si', '%sil', '%sil'],
  ['%rdi', '%edi', '%di', '%dil', '%dil'],
  ['%r8', '%r8d', '%r8w', '%r8b', '%r8b'],
  ['%r9', '%r9d', '%r9w', '%r9b', '%r9b'],
  ['%r10', '%r10d', '%r10w', '%r10b', '%r10b'],
];
/** Those that stand beside AH and its like. */
const LEGACY = NAMES.slice(0, 3);
/** Those that hold no address and no count. */
const PLAIN = NAMES.slice(3);
const SUFFIXES = ['q', 'l', 'w', 'b'] as const;
export const CONDITIONS = ['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g'];

const FLAG_CHANGES = {
  trap: 0x100,
  direction: 0x400,
  alignment: 0x40000,
  identification: 0x200000,
  nested: 0x4000,
} as const;

const ABSOLUTE = (va: number): string => `$0x${va.toString(16)}`;

/** RBX points to data, R11 holds a small index, R12 counts a loop, R14 collects flags; the others hold anything. */
export class Instructions {
  constructor(private readonly random: Random) {}

  private name(size: number, from = NAMES): string {
    return this.random.pick(from)[size];
  }

  /** An operand in the data pages, where all is well, at times across a page boundary; with `risky` also elsewhere. */
  memory(risky: boolean): string {
    const { random } = this;
    if (random.chance(risky ? 40 : 8)) {
      const boundary = risky ? 1 + random.below(at.DATA_PAGES.length) : 1;
      return `0x${(at.DATA + 0x1000 * boundary - random.below(9)).toString(16)}`;
    }
    if (risky) return `${random.below(at.DATA_PAGES.length * 0x1000) - 0x1000}(%rbx)`;
    const displacement = random.below(0xff0);
    if (random.chance(25)) return `${displacement & 0x7ff}(%rbx,%r11,${random.pick([1, 2, 4, 8])})`;
    return `${displacement}(%rbx)`;
  }

  arithmetic(): string {
    const { random } = this;
    const size = random.below(4);
    // AH and its like cannot stand beside registers that need a REX prefix.
    const high = size === 3 && random.chance(33);
    const register = (): string => (high ? random.pick(LEGACY)[random.pick([3, 4])] : this.name(size));
    const suffix = SUFFIXES[size];
    const wide = random.pick([0, 1]);
    const source = random.pick([register(), `$${random.below(256) - 128}`, register()]);
    const condition = random.pick(CONDITIONS);
    switch (random.below(17)) {
      case 0:
      case 1:
      case 2:
        return `${random.pick(['add', 'sub', 'xor', 'and', 'or', 'cmp', 'adc', 'sbb'])}${suffix} ${source}, ${register()}`;
      case 3:
        return `mov${suffix} ${source}, ${register()}`;
      case 4:
        return `${random.pick(['inc', 'dec', 'neg', 'not'])}${suffix} ${register()}`;
      case 5:
        return `${random.pick(['shl', 'shr', 'sar', 'rol', 'ror', 'rcl', 'rcr'])}${suffix} ${random.pick(['%cl', `$${random.below(64)}`, '$1'])}, ${register()}`;
      case 6:
        return `lea ${random.below(4096)}(${this.name(0)},${this.name(0)},${random.pick([1, 2, 4, 8])}), ${this.name(wide)}`;
      case 7:
        return `imul ${this.name(wide)}, ${this.name(wide)}`;
      case 8:
        return `set${condition} ${this.name(3)}`;
      case 9:
        return `cmov${condition} ${this.name(wide)}, ${this.name(wide)}`;
      case 10:
        return `test${suffix} ${source}, ${register()}`;
      case 11:
        return `${random.pick(['movzbl', 'movsbl', 'movsbq'])} %sil, ${random.pick(NAMES)[1]}`.replace(
          /(movsbq.*)%(\w+)$/,
          '$1%rcx',
        );
      case 12:
        return `${random.pick(['bt', 'bts', 'btr', 'btc'])} $${random.below(32)}, ${this.name(wide)}`;
      case 13:
        return `xchg ${register()}, ${register()}`;
      case 14:
        return `${random.pick(['bsf', 'bsr'])} ${this.name(wide)}, ${this.name(wide)}`;
      case 15:
        return `${random.pick(['shld', 'shrd'])} ${random.pick(['%cl', `$${random.below(32)}`])}, ${this.name(wide === 0 ? 0 : 0)}, ${this.name(0)}`;
      default:
        return `${random.pick(['bswap', 'mul', 'neg', 'imul'])} ${this.name(0)}`;
    }
  }

  access(risky = false): string {
    const { random } = this;
    const size = random.below(4);
    const suffix = SUFFIXES[size];
    const register = this.name(size, PLAIN);
    const memory = this.memory(risky);
    switch (random.below(12)) {
      case 0:
      case 1:
      case 2:
        return `${random.pick(['mov', 'add', 'cmp', 'or', 'sbb', 'test', 'xchg'])}${suffix} ${memory}, ${register}`.replace(
          /^(test|xchg)(.) (.*), (%\w+)$/,
          '$1$2 $4, $3',
        );
      case 3:
      case 4:
      case 5:
        return `${random.pick(['mov', 'mov', 'add', 'sub', 'xor', 'adc'])}${suffix} ${register}, ${memory}`;
      case 6:
        return `${random.pick(['inc', 'dec', 'neg', 'not', 'shl', 'sar'])}${suffix} ${memory}`;
      case 7:
        return `lock ${random.pick(['add', 'xadd', 'cmpxchg', 'and'])}${suffix} ${register}, ${memory}`;
      case 8:
        return `${random.pick(['push', 'pop'])}q ${memory}`;
      case 9:
        return `${random.pick(['bt', 'bts', 'btr', 'btc'])}${random.pick(['q', 'l'])} ${'%r11'}, ${memory}`.replace(
          /^(\w+)l %r11/,
          '$1l %r11d',
        );
      case 10:
        return `mov${suffix} $${random.below(100)}, ${memory}`;
      default:
        return `set${random.pick(CONDITIONS)} ${memory}`;
    }
  }

  flags(): string {
    return this.random.pick([
      'pushf\n  pop %r13\n  and $0xcd5, %r13d\n  xor %r13, %r14\n  rol $7, %r14',
      'pushf\n  pop %r13\n  and $0xcd5, %r13d\n  xor %r13, %r14\n  rol $7, %r14',
      'lahf',
      'sahf',
      'clc',
      'stc',
      'cmc',
    ]);
  }

  /** TF, DF, AC and others, which stay for what follows. */
  changeFlags(): string {
    const { random } = this;
    const mask = random.pick(Object.values(FLAG_CHANGES));
    return random.pick([
      `pushf\n  xorq $0x${mask.toString(16)}, (%rsp)\n  popf`,
      'std',
      'pushf\n  orq $0x100, (%rsp)\n  popf\n  nop\n  nop',
    ]);
  }

  string(): string {
    const { random } = this;
    const suffix = random.pick(['b', 'w', 'l', 'q']);
    const prefix = random.pick(['', 'rep ', 'rep ', 'repne ']);
    const name = random.pick(['movs', 'stos', 'lods', 'cmps', 'scas']);
    const repeat = name === 'cmps' || name === 'scas' ? prefix : prefix === '' ? '' : 'rep ';
    const place = (): string => ABSOLUTE(at.DATA + (random.chance(70) ? random.below(0x1000) : random.below(0x3000)));
    const count = random.pick([0, 1, random.below(20), random.below(300), 1 + random.below(2000)]);
    return [
      `mov ${place()}, %esi`,
      `mov ${place()}, %edi`,
      `mov $${count}, %ecx`,
      random.pick(['cld', 'cld', 'std', 'nop']),
      `${repeat}${name}${suffix}`,
    ].join('\n  ');
  }

  /** Exceptions, and what raises them depending on values. */
  fault(): string {
    const { random } = this;
    return random.pick([
      'ud2',
      'div %ecx',
      'idiv %r8',
      'idivl %esi',
      'xor %edx, %edx\n  div %rsi',
      'int3',
      `mov (%r8), %rax`,
      `mov %rax, (%rdi)`,
      `mov ${ABSOLUTE(at.DATA + 0x2000)}, %eax\n  incl ${random.below(64)}(%rax)`,
      `mov ${ABSOLUTE(at.DATA + 0x4000)}, %eax\n  mov ${random.pick([-2, 0, 100])}(%rax), %r9`,
      'cli\n  sti',
      'hlt',
      '.byte 0xf0, 0x01, 0xc0',
      '.byte 0x06',
      '.byte 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90',
      'rdmsr',
      'jmp *%r9',
      'push %r10\n  ret',
      `mov %r9, %rsp\n  push %rax`,
      'mov (%rsp,%r10), %rax',
    ]);
  }

  /** System instructions; most of them are for ring 0 and fault elsewhere. */
  system(): string {
    const { random } = this;
    return random.pick([
      'cpuid',
      'rdtsc',
      'rdtscp',
      'mov %cr3, %rax\n  mov %rax, %cr3',
      'invlpg (%rbx)',
      'in $0x21, %al',
      'out %al, $0x80',
      `int $0x${at.Service.NOTHING.toString(16)}`,
      `int $0x${at.Service.CHANGE_RING.toString(16)}`,
      `int $0x${at.Service.REMAP.toString(16)}`,
      'syscall',
      'syscall',
      'mov %ds, %ecx',
      'mov %ss, %ecx\n  mov %ecx, %ss\n  nop',
      'sti\n  nop',
      'swapgs\n  swapgs',
      `mov ${ABSOLUTE(at.DATA + random.below(0x1000))}, %eax\n  mov %rax, %dr0\n  mov $0x${random.pick(['403', '10402', 'd0402', '30402', '400']).toString()}, %eax\n  mov %rax, %dr7`,
    ]);
  }
}
