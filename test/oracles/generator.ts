/** Makes cases: an encoding with random registers, prefixes and immediates, and operands that mostly make sense for it. */
import { Flag, Gpr, STATUS_FLAGS } from '../../emulator';
import { aim } from './branch-targets';
import { type Case, CODE_BYTES, MOST_CODE, WINDOW } from './case';
import { BRANCHES, type Draft, draftOf, setDistance } from './drafts';
import { type Encoding, encodings } from './encodings';
import { isApproximate } from './freedoms';
import type { Group } from './groups';
import { placeOperands } from './operand-placement';
import { Random } from './random';
import { undefinedFlags } from './undefined-flags';

/** What may follow another instruction in a case: it looks at the flags, or keeps them, and touches no memory. */
const FOLLOWERS = [
  'Jcc',
  'Jcc',
  'Jcc',
  'SETcc',
  'CMOVcc',
  'ADC',
  'SBB',
  'RCL',
  'RCR',
  'LAHF',
  'INC',
  'CMC',
  'ADCX',
  'ADOX',
];

/** Of the instructions on extended registers those that set flags. */
const SETS_FLAGS = /COMI|PTEST|VTEST|PCMP[EI]STR/;

const FUSED = ['CMP', 'CMP', 'TEST', 'ADD', 'SUB', 'INC', 'DEC'];

export interface GeneratorOptions {
  /** Only this mnemonic. */
  readonly only?: string;
  /** Only these groups; all if undefined. */
  readonly groups?: ReadonlySet<Group>;
  /** Features of the processor, as named in /proc/cpuinfo. */
  readonly processor: ReadonlySet<string>;
  /** Whether 16-bit addresses reach the window. */
  readonly lowWindow: boolean;
  /** So many cases one after the other have the same code, and different operands; 1 if undefined. */
  readonly sharing?: number;
}

const formsKey = (of: string, compatibility: boolean): string => `${of} ${compatibility ? 32 : 64}`;

/** Cases of successive numbers have nothing to do with each other: a multiple of an odd number, 2^32 by the golden ratio. */
const codeSeed = (number: number): number => Math.imul(number, 0x9e3779b1);

function addTo(lists: Map<string, Encoding[]>, key: string, encoding: Encoding): void {
  const known = lists.get(key);
  if (known) known.push(encoding);
  else lists.set(key, [encoding]);
}

/** Puts an instruction at the end of the case; false if there is no room for it. */
function append(test: Case, { bytes, instruction }: Draft): boolean {
  if (test.code.length + bytes.length > MOST_CODE - 2 || test.codeOffset + test.code.length + 16 > CODE_BYTES)
    return false;
  test.code = Uint8Array.from([...test.code, ...bytes]);
  test.instructions.push(instruction);
  return true;
}

/** Encodings of the same form together, so that each form comes as often as the others. */
function byForm(list: readonly Encoding[]): Encoding[][] {
  const forms = new Map<string, Encoding[]>();
  for (const one of list) addTo(forms, one.form, one);
  return [...forms.values()];
}

export class Generator {
  private readonly encodings: Map<string, Encoding[]>;
  /** Those that cases begin with, by mnemonic and then by form. */
  private readonly chosen = new Map<string, Encoding[][]>();
  /** Those with registers alone: of `FOLLOWERS`, and of each group. */
  private readonly followers = new Map<string, Encoding[]>();
  private readonly registerForms = new Map<string, Encoding[]>();
  private readonly mnemonics: readonly string[];
  private readonly fusedPairs: boolean;
  /** Decides operands. */
  private random = new Random(0);
  /** Decides all that is part of the code. */
  private code = new Random(0);

  constructor(private readonly options: GeneratorOptions) {
    const { only, groups } = options;
    this.encodings = encodings(options.processor);
    for (const [mnemonic, list] of this.encodings) {
      const chosen = groups === undefined ? list : list.filter(({ group }) => groups.has(group));
      if (chosen.length > 0 && (only === undefined || only === mnemonic)) this.chosen.set(mnemonic, byForm(chosen));
      for (const one of list) {
        if (one.memory) continue;
        if (FOLLOWERS.includes(mnemonic)) addTo(this.followers, formsKey(mnemonic, one.compatibility), one);
        if (one.group === 'integer' || isApproximate(mnemonic)) continue;
        addTo(this.registerForms, formsKey(one.group, one.compatibility), one);
      }
    }
    this.mnemonics = [...this.chosen.keys()];
    this.fusedPairs = only === undefined && (groups?.has('integer') ?? true);
  }

  /** The case that belongs to a number, always the same. */
  make(seed: number): Case {
    this.random = new Random(seed);
    this.code = new Random(codeSeed(Math.floor(seed / (this.options.sharing ?? 1))));
    for (;;) {
      const test = this.tryMake();
      if (test) return test;
    }
  }

  private tryMake(): Case | undefined {
    const { random, code } = this;
    // The engine carries some instructions out together with a conditional branch: those pairs come more often.
    const pair = this.fusedPairs && code.chance(3);
    const mnemonic = code.pick(pair ? FUSED : this.mnemonics);
    const encoding = code.pick(code.pick(this.chosen.get(mnemonic) ?? []));
    const draft = this.draft(encoding);
    if (!draft) return undefined;
    const test = this.emptyCase(encoding.compatibility, draft);
    placeOperands(random, test, draft);
    if (BRANCHES.has(draft.instruction.mnemonic) && !aim(random, code, test, draft)) return undefined;
    test.code = draft.bytes;
    test.instructions = [draft.instruction];
    if (pair || code.chance(30)) this.follow(test, pair);
    if (test.extended && code.chance(15)) this.repeatGroup(test, draft);
    // AVX-512, which is not compared, has these state components.
    if (draft.group === 'state' && (test.gpr[Gpr.RAX] & 0xe0n) !== 0n) return undefined;
    return test;
  }

  private emptyCase(compatibility: boolean, { bytes, group }: Draft): Case {
    const { random, code } = this;
    let rflags = Flag.FIXED | Flag.IF | (random.next() & STATUS_FLAGS);
    if (random.chance(30)) rflags |= Flag.DF;
    if (random.chance(4)) rflags |= Flag.AC;
    const gpr = new BigUint64Array(16);
    for (let i = 0; i < gpr.length; i++) gpr[i] = random.operand();
    // Not only small offsets: some instructions cross into the second page, some reach the end of the code.
    let codeOffset = 0x80 + code.below(CODE_BYTES - 0x200);
    if (code.chance(10)) codeOffset = 0x1000 - code.below(bytes.length + 1);
    else if (code.chance(3)) codeOffset = CODE_BYTES - bytes.length;
    return {
      group,
      instructions: [],
      gpr,
      fsBase: random.chance(50) ? BigInt(WINDOW + random.below(0x1000)) : random.bits64() >> 17n,
      gsBase: random.chance(50) ? BigInt(WINDOW + random.below(0x1000)) : random.bits64() >> 17n,
      rflags,
      codeOffset,
      code: new Uint8Array(),
      compatibility,
      patches: [],
    };
  }

  /** An instruction of those that are to be compared. */
  private draft(encoding: Encoding, first = true): Draft | undefined {
    const draft = draftOf(this.code, encoding);
    if (!draft || !(first ? this.chosen : this.encodings).has(draft.instruction.mnemonic)) return undefined;
    return draft.instruction.addressSize === 2 && !this.options.lowWindow ? undefined : draft;
  }

  /** Puts further instructions of the group after the first, which work on registers alone. */
  private repeatGroup(test: Case, { group, instruction }: Draft): void {
    const { code } = this;
    // A follower that branches forward would land within what is put after it.
    if (isApproximate(instruction.mnemonic) || test.instructions.length > 1) return;
    const choices = this.registerForms.get(formsKey(group, test.compatibility)) ?? [];
    if (choices.length === 0) return;
    for (let i = 1 + code.below(3); i > 0; i--) {
      const draft = this.draft(code.pick(choices), false);
      if (!draft || draft.instruction.operands.some(({ kind }) => kind === 'memory' || kind === 'gather')) continue;
      if (!append(test, draft)) return;
    }
  }

  /** Puts a second instruction after the first: one that takes up its flags or registers. */
  private follow(test: Case, pair: boolean): void {
    const { code } = this;
    const [first] = test.instructions;
    if (BRANCHES.has(first.mnemonic) || first.repeat !== 'none') return;
    if (test.extended && !SETS_FLAGS.test(first.mnemonic)) return;
    // The flags must be defined for it to take them up; AF is of interest to LAHF only.
    const follower = pair ? 'Jcc' : code.pick(FOLLOWERS);
    const irrelevant = follower === 'LAHF' ? 0 : Flag.AF;
    if (undefinedFlags(first, Number(test.gpr[Gpr.RCX] & 0xffn)) & ~irrelevant) return;
    const choices = this.followers.get(formsKey(follower, test.compatibility)) ?? [];
    if (choices.length === 0) return;
    const draft = this.draft(code.pick(choices), false);
    if (!draft || draft.instruction.operands.some(({ kind }) => kind === 'memory')) return;
    // Forward, beyond the end of the case.
    if (draft.instruction.mnemonic === 'Jcc') setDistance(draft, 1 + code.below(100), test.compatibility);
    append(test, draft);
  }
}
