/** What one executed instruction changed, and where each new value came from. */
import {
  InstructionInfoFactory,
  MemorySizeExt,
  Mnemonic,
  OpAccess,
  Register as IcedRegister,
  RegisterExt,
} from 'iced-x86';
import type { Instruction, UsedMemory } from 'iced-x86';
import { describeNumber } from './expressions/format';
import { RFLAGS_FIELDS, fieldValue } from './fields';
import { decode, MAX_INSTRUCTION_BYTES, symbolicText } from './instructions';
import { msrRegister } from './msrs';
import { hex } from './memory';
import type { Effect } from './protocol';
import { GENERAL_NAMES, registerNamed } from './registers';
import { effectSource } from './effect-sources';
import type { Target } from './target';

export interface InstructionRecord {
  readonly va: bigint;
  readonly text: string;
  readonly length: number;
  readonly mnemonic: Mnemonic | undefined;
  readonly effects: readonly Effect[];
}

/** Registers whose change is an effect, in the order of SDM operation sections: what is saved, then what is loaded. */
const WATCHED: readonly (readonly [label: string, register: string])[] = [
  ...GENERAL_NAMES.filter((name) => name !== 'r11').map((name): [string, string] => [name.toUpperCase(), name]),
  ['RIP', 'rip'],
  ['R11', 'r11'],
  ['CS', 'cs'],
  ['SS', 'ss'],
  ['DS', 'ds'],
  ['ES', 'es'],
  ['FS', 'fs'],
  ['GS', 'gs'],
  ['CPL', 'cpl'],
  ['FS.base', 'fs_base'],
  ['GS.base', 'gs_base'],
  ['TR', 'tr'],
  ['LDTR', 'ldtr'],
  ['GDTR.base', 'gdtr_base'],
  ['IDTR.base', 'idtr_base'],
  ['CR0', 'cr0'],
  ['CR2', 'cr2'],
  ['CR3', 'cr3'],
  ['CR4', 'cr4'],
  ['EFER', 'efer'],
];

/** MSRs that WRMSR and SWAPGS on the system-call path change. */
const WATCHED_MSRS = [
  'star',
  'lstar',
  'cstar',
  'fmask',
  'kernel_gs_base',
  'sysenter_cs',
  'sysenter_esp',
  'sysenter_eip',
  'tsc_aux',
];

/** Shown as numbers only: a selector is not a quantity. */
const SELECTORS = new Set(['CS', 'SS', 'DS', 'ES', 'FS', 'GS', 'TR', 'LDTR', 'CPL']);

interface Snapshot {
  readonly values: ReadonlyMap<string, bigint>;
  readonly rflags: bigint;
}

/** The bytes an instruction is about to write. */
interface MemoryBefore {
  readonly va: bigint;
  readonly bytes: Uint8Array;
}

/** Prepares to record the instruction at RIP; call the result after it was executed. */
export function recordInstruction(target: Target): () => InstructionRecord {
  const { rip } = target.state;
  const before = snapshot(target);
  const bytes = target.readCode(rip, MAX_INSTRUCTION_BYTES);
  const facts = target.instructionAt(rip);
  const written = decode(bytes, rip, target.bitness(rip), (instruction) => writtenMemory(target, instruction)) ?? [];
  return () => {
    const after = snapshot(target);
    const next = rip + BigInt(facts?.length ?? 0);
    const context = { before: before.values, mnemonic: facts?.mnemonic };
    const effects: Effect[] = [];
    for (const { va, bytes: old } of [...written, ...gateFrame(target, before, after, facts?.mnemonic)]) {
      const now = target.readLinear(va, old.length);
      if (now.length < old.length) continue;
      effects.push({
        target: `[${hex(va)}]`,
        before: bytesText(target, old),
        after: bytesText(target, now),
        source: '',
      });
    }
    for (const [label, value] of after.values) {
      const old = before.values.get(label) ?? 0n;
      if (old === value || (label === 'RIP' && value === next)) continue;
      const source = effectSource(context, label);
      const text = SELECTORS.has(label) ? hex : (each: bigint) => valueText(target, each);
      effects.push({ target: label, before: text(old), after: text(value), source });
    }
    for (const each of RFLAGS_FIELDS) {
      const [old, value] = [fieldValue(before.rflags, each), fieldValue(after.rflags, each)];
      if (old === value) continue;
      const label = `RFLAGS.${each.name}`;
      effects.push({ target: label, before: `${old}`, after: `${value}`, source: effectSource(context, label) });
    }
    return {
      va: rip,
      text: facts ? symbolicText(facts, (va) => target.symbolic(va)) : '(no instruction)',
      length: facts?.length ?? 0,
      mnemonic: facts?.mnemonic,
      effects,
    };
  };
}

function snapshot({ machine }: Target): Snapshot {
  const values = new Map<string, bigint>();
  for (const [label, name] of WATCHED) values.set(label, registerNamed(name)?.read(machine) ?? 0n);
  for (const name of WATCHED_MSRS) {
    const msr = msrRegister(name);
    if (msr) values.set(`IA32_${name.toUpperCase()}`, msr.read(machine));
  }
  return { values, rflags: BigInt(machine.state.rflags) };
}

const GATES = new Set<Mnemonic | undefined>([Mnemonic.Int, Mnemonic.Int3, Mnemonic.Int1]);

/** The words a gate pushed on the handler's stack: unknown beforehand, so shown against zero. */
function gateFrame(target: Target, before: Snapshot, after: Snapshot, mnemonic: Mnemonic | undefined): MemoryBefore[] {
  const rsp = after.values.get('RSP') ?? 0n;
  if (!GATES.has(mnemonic) || before.values.get('RSP') === rsp || !target.state.longMode) return [];
  return [4n, 3n, 2n, 1n, 0n].map((index) => ({ va: rsp + 8n * index, bytes: new Uint8Array(8) }));
}

function writtenMemory(target: Target, instruction: Instruction): MemoryBefore[] {
  const factory = new InstructionInfoFactory();
  const info = factory.info(instruction);
  try {
    return (info.usedMemory() as UsedMemory[]).flatMap((used) => {
      const size = MemorySizeExt.size(used.memorySize);
      const va = writes(used.access) && size > 0 ? addressOf(target, used) : undefined;
      used.free();
      return va === undefined ? [] : [{ va, bytes: target.readLinear(va, size).slice() }];
    });
  } finally {
    info.free();
    factory.free();
  }
}

/** The linear address of a memory operand, from the registers before the instruction; 64-bit code. */
function addressOf(target: Target, used: UsedMemory): bigint | undefined {
  const { state } = target;
  const general = (register: IcedRegister): bigint => {
    if (register === IcedRegister.None || RegisterExt.isIP(register)) return 0n;
    return state.gpr[RegisterExt.number(RegisterExt.fullRegister(register))];
  };
  const offset = general(used.base) + general(used.index) * BigInt(used.scale) + used.displacement;
  const segment = used.segment === IcedRegister.FS ? 4 : used.segment === IcedRegister.GS ? 5 : undefined;
  return BigInt.asUintN(64, offset + (segment === undefined ? 0n : state.segments[segment].base));
}

function writes(access: OpAccess): boolean {
  return (
    access === OpAccess.Write ||
    access === OpAccess.CondWrite ||
    access === OpAccess.ReadWrite ||
    access === OpAccess.ReadCondWrite
  );
}

function valueText(target: Target, value: bigint): string {
  return describeNumber(value, 64, target);
}

/** Up to 8 bytes as one number, more as hexadecimal bytes. */
function bytesText(target: Target, bytes: Uint8Array): string {
  if (bytes.length > 8) return Buffer.from(bytes).toString('hex');
  const padded = new Uint8Array(8);
  padded.set(bytes);
  return valueText(target, new DataView(padded.buffer).getBigUint64(0, true));
}
