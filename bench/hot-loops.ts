/** Hot loops: interpreted and compiled against qemu-x86_64, and their 32-bit twins against v86. */
import { join } from 'node:path';
import { cpuModel } from '../emulator';
import { compare, comparisonRow, type Comparison } from './compare';
import { canBuildGuests, Guests, HOT_LOOPS, isInstalled, type Target } from './guests';
import { geometricMean, milliseconds, type Row } from './measure';
import { qemuUser, ringside, v86, type Processor } from './processors';

const GOALS = { interpreter: 0.12, tiered: 0.6, v86: 1.3 } as const;
const SSE_PROGRAM = /^matrix-/;

/** The hot loops this machine's processor can run. */
function programs(): readonly string[] {
  if (cpuModel('intel').features.has('SSE2')) return HOT_LOOPS;
  console.error('The processor has no SSE2: the products of matrices are left out.');
  return HOT_LOOPS.filter((name) => !SSE_PROGRAM.test(name));
}

interface Peer {
  readonly name: string;
  readonly run: Processor;
  readonly target: Target;
}

async function rows(
  root: string,
  title: string,
  goal: number,
  ours: { readonly run: Processor; readonly target: Target },
  peer: Peer,
): Promise<Row[]> {
  const guests = new Guests(join(root, 'bench', 'programs'));
  try {
    const compared: [string, Comparison][] = [];
    for (const name of programs()) {
      const side = ({ run, target }: { run: Processor; target: Target }) => ({
        run,
        image: guests.build(name, target),
      });
      compared.push([name, await compare(side(ours), side(peer))]);
    }
    const mean = geometricMean(compared.map(([, { ratio }]) => ratio));
    return [
      ...compared.map(([name, comparison]) => comparisonRow(`${title}: ${name}`, comparison, peer.name, milliseconds)),
      {
        what: `${title}: geometric mean`,
        ours: '',
        peer: '',
        ratio: mean.toFixed(2),
        goal: `>= ${goal}`,
        reached: mean >= goal,
      },
    ];
  } finally {
    guests.dispose();
  }
}

/** 64-bit programs: ours in ring 0 behind a soft MMU, the peer's in user mode without one. */
export async function benchEngine(root: string, engine: 'interpreter' | 'tiered'): Promise<Row[]> {
  if (!canBuildGuests() || !isInstalled('qemu-x86_64', 'qemu-user', 'the engine is not compared')) return [];
  const ours = { run: ringside({ engine }), target: 'system-64' } as const;
  const peer = { name: 'qemu-x86_64', run: qemuUser, target: 'linux' } as const;
  return rows(root, engine, GOALS[engine], ours, peer);
}

/** The same image on both sides. */
export async function benchTwins(root: string): Promise<Row[]> {
  if (!canBuildGuests()) return [];
  const ours = { run: ringside(), target: 'system-32' } as const;
  const peer = { name: 'v86', run: await v86(root), target: 'system-32' } as const;
  return rows(root, '32-bit', GOALS.v86, ours, peer);
}
