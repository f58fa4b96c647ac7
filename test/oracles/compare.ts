/** Compares what the emulator did with what silicon did, where the manual says what must be. */
import { Flag, Gpr, STATUS_FLAGS } from '../../emulator';
import { CODE, type Case, type Outcome, PATTERN } from './case';
import { extendedDifferences, sameExtendedState } from './compare-extended';
import { MISALIGNED_MODE } from './control-words';
import { ignoredMemory } from './freedoms';
import { undefinedFlags, undefinedResult } from './undefined-flags';

const DEBUG = 1;
const STACK_FAULT = 12;
const GENERAL_PROTECTION = 13;
const PAGE_FAULT = 14;
const ALIGNMENT_CHECK = 17;
const FIRST_KERNEL_ADDRESS = 0x7ffffffff000n;

/** Flags a user program sees, but for RF and TF, which belong to how the exception was reported. */
const COMPARED_FLAGS = STATUS_FLAGS | Flag.DF | Flag.IF | Flag.IOPL | Flag.NT | Flag.AC | Flag.ID;

const NAMES = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  ...Array.from({ length: 8 }, (_, i) => `r${i + 8}`),
];

const hex = (value: bigint | number): string => value.toString(16);

/**
 * Instructions of many accesses, which on silicon have done some of their work when one of them faults: the emulator does
 * it all or not at all. Of gathers "all elements closer to the LSB ... will be completed" (SDM vol. 2, VGATHERDPS), and
 * others may be.
 */
const PARTIAL = /^(PUSHA|POPA|ENTER|F?XSAVE.*|F?XRSTOR|FNSAVE|FNSTENV|FRSTOR|FLDENV|VP?GATHER.*|V?MASKMOV.*)$/;

const AREA = /^(F?XSAVE.*|F?XRSTOR|FNSAVE|FNSTENV|FRSTOR|FLDENV)$/;
const LONGEST_AREA = 1024n;

/**
 * An access that wraps at the end of a segment of 4 GiB: whether it raises #GP or #SS is implementation-specific (SDM
 * vol. 3, section 5.3). Here nothing is mapped at that end.
 */
function wrapsAtFourGiB({ compatibility }: Case, silicon: Outcome, { vector, cr2 }: Outcome): boolean {
  if (!compatibility) return false;
  const limitViolation = silicon.vector === STACK_FAULT || silicon.vector === GENERAL_PROTECTION;
  return vector === PAGE_FAULT ? cr2 > 0xffff_ffe0n || cr2 < 0x20n : vector === ALIGNMENT_CHECK && limitViolation;
}

/** The fault of an access of `size` bytes at `va` to the stack. */
function isStackFault({ rflags, compatibility }: Case, { vector, cr2 }: Outcome, va: bigint, size: bigint): boolean {
  const bits = compatibility ? 32 : 64;
  const [from, last] = [va, va + size - 1n].map((address) => BigInt.asUintN(bits, address));
  if (vector === PAGE_FAULT) return BigInt.asUintN(bits, cr2 - from) < size;
  if (vector === ALIGNMENT_CHECK) return (rflags & Flag.AC) !== 0 && (from & (size - 1n)) !== 0n;
  return vector === STACK_FAULT && !(isCanonical(from) && isCanonical(last));
}

const isCanonical = (va: bigint): boolean => BigInt.asUintN(64, BigInt.asIntN(48, va)) === va;

/**
 * CALL to an address that is not canonical, on a stack that cannot be written: the SDM checks the target first (vol. 2,
 * CALL, "Operation") and so does the emulator; AMD's processors report the fault of the push.
 */
function callFaultsTwice(test: Case, silicon: Outcome, emulator: Outcome): boolean {
  const [{ mnemonic, operands }] = test.instructions;
  if (mnemonic !== 'CALL' || test.compatibility || silicon.rip !== emulator.rip) return false;
  if (emulator.vector !== GENERAL_PROTECTION || emulator.errorCode !== 0) return false;
  const [operand] = operands;
  // What memory held is not known here.
  if (operand.kind === 'register' && isCanonical(test.gpr[operand.register])) return false;
  return isStackFault(test, silicon, test.gpr[Gpr.RSP] - 8n, 8n);
}

/**
 * POP to memory in a segment that is not there, from a stack that cannot be read: the SDM (vol. 2, POP) reads the stack
 * first, the emulator looks at the segment first; section 5.3 and 6.9 of volume 3 leave the order of faults of one
 * instruction to the processor.
 */
function popFaultsTwice(test: Case, silicon: Outcome, emulator: Outcome): boolean {
  const [{ mnemonic, operands, operandSize }] = test.instructions;
  if (mnemonic !== 'POP' || operands.at(0)?.kind !== 'memory' || silicon.rip !== emulator.rip) return false;
  const segmentFault = emulator.vector === GENERAL_PROTECTION || emulator.vector === STACK_FAULT;
  return segmentFault && isStackFault(test, silicon, test.gpr[Gpr.RSP], BigInt(operandSize));
}

/**
 * The order of the accesses and checks of FXSAVE and the like is the processor's own: which byte of several pages a fault
 * is reported for (the EPYC at hand tries the last one first), whether a header that is not valid is found before a page
 * that is not there, or an address that is not canonical before one that is not aligned.
 */
function faultsInSameArea({ instructions, compatibility }: Case, silicon: Outcome, emulator: Outcome): boolean {
  if (!AREA.test(instructions[0].mnemonic) || silicon.rip !== emulator.rip) return false;
  const expected = [PAGE_FAULT, STACK_FAULT].includes(silicon.vector);
  if (expected && emulator.vector === GENERAL_PROTECTION) return true;
  if (silicon.vector !== PAGE_FAULT || emulator.vector !== PAGE_FAULT) return false;
  const distance = BigInt.asIntN(compatibility ? 32 : 64, silicon.cr2 - emulator.cr2);
  return distance > -LONGEST_AREA && distance < LONGEST_AREA;
}

/**
 * A fault of a masked store to DS:rDI: "With a mask of all 0s ... exceptions ... may still be signaled (implementation
 * dependent)" (SDM vol. 2, MASKMOVDQU). The EPYC at hand wants all bytes to be writable whatever the mask.
 */
function faultsBesidesMask({ instructions, codeOffset }: Case, silicon: Outcome): boolean {
  const itself = silicon.rip === BigInt(CODE + codeOffset);
  return itself && silicon.vector === PAGE_FAULT && /^V?MASKMOV(Q|DQU)$/.test(instructions[0].mnemonic);
}

/**
 * The SHA instructions want their memory operand aligned (SDM vol. 2, exceptions type 4); AMD's processors take it as it
 * is.
 */
function unalignedSha({ instructions, codeOffset }: Case, silicon: Outcome, emulator: Outcome): boolean {
  const sha = instructions[0].mnemonic.startsWith('SHA');
  const faulted = emulator.rip === BigInt(CODE + codeOffset) && emulator.vector === GENERAL_PROTECTION;
  return sha && faulted && (silicon.rip !== emulator.rip || silicon.vector === PAGE_FAULT);
}

/**
 * A masked load or store whose mask leaves out all elements accesses no memory: whether its segment is looked at
 * nevertheless (null selectors in compatibility mode, addresses that are not canonical) is the processor's choice.
 */
function masksAll({ instructions, codeOffset }: Case, silicon: Outcome, emulator: Outcome): boolean {
  const vectors = [GENERAL_PROTECTION, STACK_FAULT];
  const itself = emulator.rip === BigInt(CODE + codeOffset);
  const masked = /^VP?MASKMOV(PS|PD|D|Q)$/.test(instructions[0].mnemonic);
  return masked && itself && silicon.rip !== emulator.rip && vectors.includes(emulator.vector);
}

/** MXCSR.MM, which AMD's processors alone have (APM vol. 1, section 5.10): for others a reserved bit. */
function setsMisalignedMode({ instructions }: Case, { extended }: Outcome, emulator: Outcome): boolean {
  const loads = instructions.some(({ mnemonic }) => /LDMXCSR$/.test(mnemonic));
  return loads && emulator.vector === GENERAL_PROTECTION && ((extended?.state.mxcsr ?? 0) & MISALIGNED_MODE) !== 0;
}

/** What differs, one line each; empty if nothing does. */
export function differences(test: Case, silicon: Outcome, emulator: Outcome): string[] {
  const found: string[] = [];
  const check = (what: string, expected: bigint | number, actual: bigint | number): void => {
    if (expected !== actual) found.push(`${what}: silicon ${hex(expected)}, emulator ${hex(actual)}`);
  };
  const completed = silicon.rip !== BigInt(CODE + test.codeOffset);
  const [first, ...followers] = test.instructions;
  const cl = Number(test.gpr[Gpr.RCX] & 0xffn);
  // Single-step traps are the business of other tests.
  if (silicon.vector === DEBUG) return found;
  if (wrapsAtFourGiB(test, silicon, emulator) || callFaultsTwice(test, silicon, emulator)) return found;
  if (faultsInSameArea(test, silicon, emulator) || faultsBesidesMask(test, silicon)) return found;
  if (setsMisalignedMode(test, silicon, emulator)) return found;
  if (popFaultsTwice(test, silicon, emulator)) return found;
  if (unalignedSha(test, silicon, emulator) || masksAll(test, silicon, emulator)) return found;
  check('vector', silicon.vector, emulator.vector);
  check('rip', silicon.rip, emulator.rip);
  // Linux does not tell programs whether a kernel address is mapped: it reports all of them as present.
  const hidden = silicon.vector === PAGE_FAULT && silicon.cr2 >= FIRST_KERNEL_ADDRESS ? 1 : 0;
  check('error code', silicon.errorCode, emulator.errorCode | hidden);
  if (silicon.vector === PAGE_FAULT) check('cr2', silicon.cr2, emulator.cr2);
  check('fs base', silicon.fsBase, emulator.fsBase);
  check('gs base', silicon.gsBase, emulator.gsBase);
  if (completed && undefinedResult(first, cl)) return found;
  if (!completed && PARTIAL.test(test.instructions[0].mnemonic)) return found;
  // Outside 64-bit mode the upper halves, and R8 to R15, are not seen.
  const [count, mask] = test.compatibility ? [8, 0xffffffffn] : [16, 0xffffffffffffffffn];
  for (let i = 0; i < count; i++) check(NAMES[i], silicon.gpr[i] & mask, emulator.gpr[i] & mask);
  let undefinedOnes = 0;
  if (completed) {
    undefinedOnes |= undefinedFlags(first, cl);
    // An instruction before may have changed CL.
    for (const instruction of followers) undefinedOnes |= undefinedFlags(instruction, undefined);
  }
  const flags = COMPARED_FLAGS & ~undefinedOnes;
  check('rflags', silicon.rflags & flags, emulator.rflags & flags);
  const [expected, actual] = [silicon.extended, emulator.extended];
  if (expected && actual && !sameExtendedState(expected, actual)) {
    found.push(...extendedDifferences(test, silicon, expected.state, actual.state));
  }
  if (silicon.changedAt === emulator.changedAt && Buffer.compare(silicon.changed, emulator.changed) === 0) return found;
  const [written, alsoWritten] = comparedMemory(test, silicon, emulator);
  if (written !== alsoWritten) {
    found.push(`memory: silicon ${written.slice(0, 200)}, emulator ${alsoWritten.slice(0, 200)}`);
  }
  return found;
}

/** What both wrote, as text; equal if nothing of importance differs. */
function comparedMemory(test: Case, silicon: Outcome, emulator: Outcome): [silicon: string, emulator: string] {
  const text = ({ changedAt, changed }: Outcome): string => `${hex(changedAt)}:${Buffer.from(changed).toString('hex')}`;
  const [mine, yours] = [text(silicon), text(emulator)];
  const ignored = ignoredMemory(test, silicon);
  if (ignored.length === 0) return [mine, yours];
  const [a, b] = [silicon, emulator].map(({ changedAt, changed }) => {
    const window = PATTERN.slice();
    window.set(changed, changedAt);
    return window;
  });
  for (const { from, end, bits } of ignored) {
    for (let at = from; at < end; at++) b[at] = (b[at] & ~bits) | (a[at] & bits);
  }
  const differing = a.findIndex((byte, at) => byte !== b[at]);
  if (differing < 0) return [mine, mine];
  const shown = (window: Uint8Array): string =>
    `${hex(differing)}:${Buffer.from(window.subarray(differing, differing + 32)).toString('hex')}`;
  return [shown(a), shown(b)];
}
