/** A program whose 1 MiB of text is executed once or a few times: decoding and look-ups decide, not peak speed. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compare, comparisonRow } from './compare';
import { canBuildGuests, Guests, isInstalled } from './guests';
import { milliseconds, type Row } from './measure';
import { qemuUser, ringside, v86 } from './processors';

const GOAL = 0.3;
const FUNCTIONS = 4300;
/** Every so many functions there is a leaf, which later ones call. */
const LEAVES = 64;
const ROUNDS = 5;
const SEED = 2024;

/** Numbers below a limit, the same ones each time (xorshift32). */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/**
 * The source, for 64 and for 32 bits: functions of some forty instructions, moves, arithmetic, loads, stores, short
 * branches either way and now and then a call of an earlier leaf; `work` calls each in turn, `passes` times.
 */
function source(passes: number): string {
  const below = randomNumbers(SEED);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)];
  // %ebx is the base of the data.
  const register = (): string => pick(['A', 'C', 'D', 'S', 'T']);
  const place = (): string => `${4 * below(1000)}(B)`;
  const conditions = ['e', 'ne', 'l', 'ge', 'b', 'ae', 's', 'ns'];
  const lines = [
    ...(['a', 'c', 'd'] as const).map((name) => `#define ${name.toUpperCase()} WIDE(${name}x)`),
    ...['#define S WIDE(si)', '#define T WIDE(di)', '#define B WIDE(bx)'],
  ];
  const instruction = (): string => {
    switch (below(10)) {
      case 0:
        return `mov ${register()}, ${register()}`;
      case 1:
        return `mov $${below(1 << 30)}, ${register()}`;
      case 2:
      case 3:
        return `mov ${place()}, ${register()}`;
      case 4:
        return `mov ${register()}, ${place()}`;
      case 5:
        return `${pick(['add', 'xor', 'or', 'and'])} ${place()}, ${register()}`;
      case 6:
        return `lea ${below(200)}(${register()},${register()},${pick([1, 2, 4])}), ${register()}`;
      case 7:
        return `${pick(['shl', 'shr', 'sar', 'rol'])} $${1 + below(30)}, ${register()}`;
      case 8:
        return `imul $${below(1000)}, ${register()}, ${register()}`;
      default:
        return `${pick(['add', 'sub', 'xor', 'and'])} ${register()}, ${register()}`;
    }
  };
  const body = (index: number): void => {
    lines.push(`function${index}:`);
    const blocks = 5 + below(5);
    for (let block = 0; block < blocks; block++) {
      for (let i = 2 + below(6); i > 0; i--) lines.push(instruction());
      const branch = below(8);
      if (branch === 0 && index > LEAVES && index % LEAVES !== 0)
        lines.push(`call function${LEAVES * below(Math.floor(index / LEAVES))}`);
      else if (branch < 6)
        lines.push(`cmp ${register()}, ${register()}`, `j${pick(conditions)} 1f`, instruction(), '1:');
    }
    lines.push('ret');
  };
  for (let index = 0; index < FUNCTIONS; index++) body(index);
  return [
    '#ifdef __x86_64__',
    '#define WIDE(name) %r##name',
    '#else',
    '#define WIDE(name) %e##name',
    '#endif',
    ...lines,
    ...['.globl work', 'work:', 'push WIDE(bx)', 'push WIDE(bp)', 'push WIDE(si)', 'push WIDE(di)'],
    ...['mov $data, %ebx', `mov $${passes}, %ebp`, 'xor %eax, %eax', 'mov $1, %ecx', 'mov $2, %edx'],
    ...['mov $3, %esi', 'mov $4, %edi', 'pass:'],
    ...Array.from({ length: FUNCTIONS }, (_, index) => `call function${index}`),
    ...['dec %ebp', 'jnz pass', 'pop WIDE(di)', 'pop WIDE(si)', 'pop WIDE(bp)', 'pop WIDE(bx)', 'ret'],
    ...['.bss', '.balign 64', 'data: .skip 4096', ''],
  ].join('\n');
}

export async function benchColdText(root: string): Promise<Row[]> {
  if (!canBuildGuests()) return [];
  const haveQemu = isInstalled('qemu-x86_64', 'qemu-user', 'cold text is not compared with it');
  const peer = await v86(root);
  const guests = new Guests(join(root, 'bench', 'programs'));
  const ours = ringside();
  const rows: Row[] = [];
  try {
    for (const passes of [1, 20]) {
      const name = `cold-${passes}`;
      const path = guests.path(`${name}.S`);
      writeFileSync(path, source(passes));
      const what = `1 MB of text executed ${passes === 1 ? 'once' : `${passes} times`}`;
      const side = (run: typeof ours, target: Parameters<Guests['build']>[1]) => ({
        run,
        image: guests.build(name, target, path),
      });
      if (haveQemu) {
        const comparison = await compare(side(ours, 'system-64'), side(qemuUser, 'linux'), ROUNDS);
        rows.push(comparisonRow(`${what}, 64-bit`, comparison, 'qemu-x86_64', milliseconds, GOAL));
      }
      const comparison = await compare(side(ours, 'system-32'), side(peer, 'system-32'), ROUNDS);
      rows.push(comparisonRow(`${what}, 32-bit`, comparison, 'v86', milliseconds));
    }
    return rows;
  } finally {
    guests.dispose();
  }
}
