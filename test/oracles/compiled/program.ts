/**
 * Random programs for the comparison of the engine's stages: loops, calls, indirect jumps, code that changes itself,
 * accesses and instructions that cross pages, faults, traps and changes of ring.
 */
import { Random } from '../random';
import * as at from './guest-layout';
import { CONDITIONS, Instructions } from './instructions';

/** Counts how often the program has begun anew; at the end of the data, where random accesses rarely reach. */
const ROUNDS = at.DATA + 0x7ff0;
/** Above the stack pointer: pops find something. */
const STACK_USED = 0x100;
const FUNCTIONS = 5;
/** Each takes up to two pages. */
const MOST_STRADDLES = 5;

/** Sites of code that other code overwrites: what may stand there, all of one length. */
const PATCHES: readonly (readonly string[])[] = [
  // An immediate, an operation, a whole run of instructions.
  ['0x83, 0xc0, 0x05', '0x83, 0xe8, 0x7f', '0x83, 0xf0, 0x80'],
  ['0x01, 0xc8', '0x29, 0xc8', '0x31, 0xc8', '0x89, 0xc8', '0x39, 0xc8'],
  [
    '0x48, 0xff, 0xc0, 0x48, 0x01, 0xc8, 0x90, 0x90',
    '0x90, 0x90, 0x90, 0x90, 0x48, 0x8d, 0x40, 0x11',
    '0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00',
    '0xeb, 0x06, 0x48, 0x01, 0xc8, 0x90, 0x90, 0x90',
    '0x75, 0x03, 0x48, 0xff, 0xc2, 0x48, 0xff, 0xc8',
  ],
];

interface Site {
  readonly label: string;
  readonly contents: readonly string[];
}

export class Program {
  private readonly random: Random;
  private readonly some: Instructions;
  private readonly lines: string[] = [];
  private labels = 0;
  private straddles = 0;
  private readonly sites: Site[] = [];
  /** Places for which code that writes to a site is generated once all sites are known. */
  private readonly patchers: number[] = [];

  constructor(seed: number) {
    this.random = new Random(seed);
    this.some = new Instructions(this.random);
  }

  /** The source of the program, for `PROGRAM`. */
  source(): string {
    const { random, lines } = this;
    lines.push(
      'recover:',
      '  cld',
      `  mov $0x${(at.STACK_TOP - STACK_USED).toString(16)}, %esp`,
      `  incl 0x${ROUNDS.toString(16)}`,
      `  cmpl $${10 + random.below(2000)}, 0x${ROUNDS.toString(16)}`,
      '  ja finish',
      `  mov $0x${(at.DATA + random.pick([0, 0x1000, 0x800])).toString(16)}, %ebx`,
      '  mov $3, %r11d',
      '  mov %r14, %r8',
      '  rol $13, %r8',
      '  mov %r8d, %esi',
      '  and $0xff, %esi',
    );
    this.body(15 + random.below(50), 0);
    this.loop();
    this.body(random.below(20), 0);
    lines.push('  jmp recover', 'finish:', `  int $0x${at.Service.END.toString(16)}`);
    for (let number = 0; number < FUNCTIONS; number++) {
      if (random.chance(50)) this.straddle();
      lines.push(`f${number}:`);
      this.body(3 + random.below(15), number + 1);
      lines.push('  ret');
    }
    for (const at of this.patchers) this.lines[at] = this.patcher();
    return lines.join('\n');
  }

  /** A page of code that runs anywhere: a function at its start, and one that reaches into the next page at its end. */
  aliasSource(): string {
    const { random, lines } = this;
    const straight = (count: number): void => {
      for (let i = 0; i < count; i++) lines.push(`  ${this.some.arithmetic()}`);
    };
    lines.push('start:');
    straight(3 + random.below(12));
    if (random.chance(50)) lines.push(`  ${this.some.access()}`);
    lines.push('  ret', `  .org ${0x1000 - 1 - random.below(9)}`, 'end:', '  movabs $0x9090909090909090, %rax');
    return lines.join('\n');
  }

  private label(): string {
    return `l${this.labels++}`;
  }

  /** `count` items; calls go to functions from number `callable` on, so that there is no recursion. */
  private body(count: number, callable: number): void {
    const { random, lines } = this;
    const open: { label: string; at: number }[] = [];
    for (let i = 0; i < count; i++) {
      for (const branch of open.filter((each) => each.at === i)) lines.push(`${branch.label}:`);
      if (random.chance(14)) {
        const label = this.label();
        open.push({ label, at: i + 1 + random.below(6) });
        if (random.chance(60)) lines.push(`  ${random.pick(['cmp', 'test', 'sub', 'add'])} %r9d, %eax`);
        lines.push(`  j${random.pick(CONDITIONS)} ${label}`);
      } else this.item(callable);
    }
    for (const branch of open.filter((each) => each.at >= count)) lines.push(`${branch.label}:`);
  }

  private item(callable: number): void {
    const { random, lines, some } = this;
    const kind = random.below(100);
    if (kind < 45) lines.push(`  ${some.arithmetic()}`);
    else if (kind < 64) lines.push(`  ${some.access()}`);
    else if (kind < 67) this.sometimes(some.access(true));
    else if (kind < 70) lines.push(`  ${some.flags()}`);
    else if (kind < 71) this.sometimes(some.changeFlags());
    else if (kind < 74) this.sometimes(some.string());
    else if (kind < 76) this.sometimes(some.fault());
    else if (kind < 80) this.sometimes(some.system());
    else if (kind < 84)
      lines.push(`  push ${random.pick(['%rax', '%r9', '%rsi'])}\n  pop ${random.pick(['%r8', '%rdi', '%r10'])}`);
    else if (kind < 86) this.indirect(callable);
    else if (kind < 91) this.call(callable);
    else if (kind < 93) this.site();
    else if (kind < 94) this.patchers.push(lines.push('') - 1);
    else if (kind < 97) this.patchAhead();
    else if (kind < 98) this.straddle();
    else if (kind < 99) lines.push(`  mov $0x${at.ALIAS.toString(16)}, %ecx`, '  call *%rcx');
    else this.sometimes(`mov $0x${(at.ALIAS + 0xff7 + random.below(8)).toString(16)}, %ecx\n  call *%rcx`);
  }

  /** Does something in one round of a few: what faults ends its round, and what follows shall have its turn, too. */
  private sometimes(text: string): void {
    const { random, lines } = this;
    const over = this.label();
    const mask = random.pick([3, 7, 15]);
    lines.push(`  mov 0x${ROUNDS.toString(16)}, %r13d`, `  and $${mask}, %r13d`);
    lines.push(`  cmp $${random.below(mask + 1)}, %r13d`, `  jne ${over}`, `  ${text}`, `${over}:`);
  }

  private loop(): void {
    const { random, lines } = this;
    const label = this.label();
    lines.push(`  mov $${random.pick([2, 8, 60])}, %r12d`, `${label}:`);
    this.body(3 + random.below(25), 0);
    lines.push('  dec %r12d', `  jnz ${label}`);
  }

  private call(callable: number): void {
    const { random, lines } = this;
    if (callable >= FUNCTIONS) return;
    const name = `f${callable + random.below(FUNCTIONS - callable)}`;
    if (random.chance(60)) lines.push(`  call ${name}`);
    else lines.push(`  lea ${name}(%rip), %rdx`, `  call *%rdx`);
  }

  /** A jump through a table, or by RET. */
  private indirect(callable: number): void {
    const { random, lines } = this;
    const [table, over, one, other] = [this.label(), this.label(), this.label(), this.label()];
    if (random.chance(30)) {
      lines.push(`  lea ${over}(%rip), %rcx`, '  push %rcx', '  ret', '  ud2', `${over}:`);
      return;
    }
    lines.push(
      `  mov %r8d, %ecx`,
      '  and $1, %ecx',
      `  lea ${table}(%rip), %rdx`,
      '  movslq (%rdx,%rcx,4), %rcx',
      '  add %rdx, %rcx',
      '  jmp *%rcx',
      `${table}: .long ${one}-${table}, ${other}-${table}`,
      `${one}:`,
    );
    this.item(callable);
    lines.push(`  jmp ${over}`, `${other}:`);
    this.item(callable);
    lines.push(`${over}:`);
  }

  /** Code that will be overwritten. */
  private site(): void {
    const { random, lines } = this;
    const contents = random.pick(PATCHES);
    const label = this.label();
    this.sites.push({ label, contents });
    lines.push(`${label}: .byte ${random.pick(contents)}`);
  }

  /** Goes on at the next page, with a site or an instruction across the boundary. */
  private straddle(): void {
    const { random, lines } = this;
    if (this.straddles++ >= MOST_STRADDLES) return;
    const [over, begin] = [this.label(), this.label()];
    lines.push(`  jmp ${begin}`, `  .balign 4096`, `  .skip ${4096 - 1 - random.below(8)}`, `${begin}:`);
    if (random.chance(60)) {
      const label = this.label();
      this.sites.push({ label, contents: PATCHES[2] });
      lines.push(`${label}: .byte ${random.pick(PATCHES[2])}`);
    } else lines.push('  movabs $0x1122334455667788, %rdx', '  add %rdx, %rax');
    lines.push(`${over}:`);
  }

  /** Writes other contents to a site, all at once or bytewise. */
  private patcher(): string {
    return this.sites.length === 0 ? '  nop' : this.patch(this.random.pick(this.sites));
  }

  /** Overwrites what control is about to reach, in the same block or after a branch. */
  private patchAhead(): void {
    const { random, lines, some } = this;
    const site = { label: this.label(), contents: random.pick(PATCHES) };
    lines.push(this.patch(site));
    if (random.chance(50)) lines.push(`  ${some.arithmetic()}`);
    if (random.chance(75)) lines.push(`  j${random.pick(CONDITIONS)} ${site.label}`, `  ${some.arithmetic()}`);
    lines.push(`${site.label}: .byte ${random.pick(site.contents)}`);
  }

  private patch({ label, contents }: Site): string {
    const { random } = this;
    const bytes = random.pick(contents).split(', ').map(Number);
    const lines: string[] = [];
    if (bytes.length === 8 && random.chance(70)) {
      const value = [...bytes].reverse().reduce((all, byte) => (all << 8n) | BigInt(byte), 0n);
      lines.push(`  movabs $0x${value.toString(16)}, %rcx`, `  mov %rcx, ${label}(%rip)`);
    } else if (random.chance(20)) {
      lines.push(`  lea ${label}(%rip), %rdi`, '  cld', `  mov $${bytes[0]}, %al`, '  mov $1, %ecx', '  rep stosb');
      for (let i = 1; i < bytes.length; i++) lines.push(`  movb $${bytes[i]}, ${label}+${i}(%rip)`);
    } else bytes.forEach((byte, i) => lines.push(`  movb $${byte}, ${label}+${i}(%rip)`));
    // Most of the time it is left as it is: code that changes all the time is not worth compiling.
    const over = this.label();
    return [`  testb $${random.pick([1, 3, 7])}, 0x${ROUNDS.toString(16)}`, `  jnz ${over}`, ...lines, `${over}:`].join(
      '\n',
    );
  }
}
