/** MOV to and from control registers, LMSW, SMSW, CLTS, XGETBV, XSETBV (SDM vol. 3, section 2.5; vol. 2, MOV CR). */
import { Gpr, Seg, type Instruction } from '../isa/instruction';
import type { Cpu } from './cpu';
import type { CpuModel, Feature } from './cpuid';
import { GuestException, Vector } from './exceptions';
import { highHalf } from './halves';
import { operandAt, readEdxEax, readGpr, readOperand, writeEdxEax, writeGpr, writeOperand } from './registers';
import { SystemType } from './segmentation';
import { Cr0, Cr4, Efer } from './state';
import { componentsInUse, userComponents } from './xsave';

/** CR0 bits that exist; the others of the low half are ignored when written. */
const CR0_BITS =
  Cr0.PE | Cr0.MP | Cr0.EM | Cr0.TS | Cr0.ET | Cr0.NE | Cr0.WP | Cr0.AM | Cr0.NW | Cr0.CD | (Cr0.PG as number);

/** CR4 bits by the CPUID feature that brings them. */
const CR4_FEATURES: readonly (readonly [number, Feature])[] = [
  [Cr4.VME, 'VME'],
  [Cr4.PVI, 'VME'],
  [Cr4.TSD, 'TSC'],
  [Cr4.DE, 'DE'],
  [Cr4.PSE, 'PSE'],
  [Cr4.PAE, 'PAE'],
  [Cr4.MCE, 'MCE'],
  [Cr4.PGE, 'PGE'],
  [Cr4.OSFXSR, 'FXSR'],
  [Cr4.OSXMMEXCPT, 'SSE'],
  [Cr4.UMIP, 'UMIP'],
  [Cr4.LA57, 'LA57'],
  [Cr4.FSGSBASE, 'FSGSBASE'],
  [Cr4.PCIDE, 'PCID'],
  [Cr4.OSXSAVE, 'XSAVE'],
  [Cr4.SMEP, 'SMEP'],
  [Cr4.SMAP, 'SMAP'],
  [Cr4.PKE, 'PKU'],
  [Cr4.CET, 'CET_SS'],
  [Cr4.CET, 'CET_IBT'],
  [Cr4.PKS, 'PKS'],
];

/** The one bit in the upper half of CR4; `state.fred.enabled` holds it. */
const CR4_FRED = 1n << 32n;

/** CR4 bits a model lets be set; PCE needs no feature. */
export function validCr4Bits(model: CpuModel): number {
  return CR4_FEATURES.reduce(
    (bits, [bit, feature]) => (model.features.has(feature) ? bits | bit : bits),
    Cr4.PCE as number,
  );
}

/** Bits 11..0 of CR3 with CR4.PCIDE. */
const PCID_MASK = 0xfffn;
/** Bit 63 of the operand of MOV to CR3: keep the translations of the new PCID. */
const CR3_NO_FLUSH = 1n << 63n;

/** Changes of these make every translation stale (SDM vol. 3, section 4.10.4.1). */
const CR0_FLUSH = Cr0.PE | Cr0.WP | (Cr0.PG as number);
const CR4_FLUSH = Cr4.PSE | Cr4.PAE | Cr4.PGE | Cr4.LA57 | Cr4.PCIDE | Cr4.SMEP | Cr4.SMAP | Cr4.PKE | Cr4.PKS;

function generalProtection(): never {
  throw new GuestException(Vector.GP, 0);
}

function requireRing0(cpu: Cpu): void {
  if (cpu.state.cpl !== 0) generalProtection();
}

/** Those that exist; CR1, CR5 to CR7 and CR9 to CR15 do not. */
const CONTROL_REGISTERS: ReadonlySet<number> = new Set([0, 2, 3, 4, 8]);

/** MOV CRn, r and MOV r, CRn. */
export function executeMovCr(cpu: Cpu, instruction: Instruction): void {
  const [destination, source] = instruction.operands;
  const index =
    destination.kind === 'control' ? destination.register : source.kind === 'control' ? source.register : -1;
  if (!CONTROL_REGISTERS.has(index)) throw new GuestException(Vector.UD);
  requireRing0(cpu);
  if (destination.kind === 'register') writeGpr(cpu.state, destination, readControlRegister(cpu, index));
  else if (source.kind === 'register') writeControlRegister(cpu, index, readGpr(cpu.state, source));
}

/** CR0, CR2, CR3, CR4 or CR8. */
export function readControlRegister(cpu: Cpu, index: number): bigint {
  const { state } = cpu;
  if (index === 0) return BigInt(state.cr0 >>> 0);
  if (index === 2) return state.cr2;
  if (index === 3) return state.cr3;
  if (index === 4) return BigInt(state.cr4 >>> 0) | (state.fred.enabled ? CR4_FRED : 0n);
  return BigInt(cpu.localApic ? cpu.localApic.taskPriority >> 4 : state.cr8);
}

/** Writes CR0, CR2, CR3, CR4 or CR8 with all checks. Throws #GP(0), nothing changed. */
export function writeControlRegister(cpu: Cpu, index: number, value: bigint): void {
  if (index === 0) setCr0(cpu, value);
  else if (index === 2) cpu.state.cr2 = value;
  else if (index === 3) setCr3(cpu, value);
  else if (index === 4) setCr4(cpu, value);
  else if (value >> 4n) generalProtection();
  else if (cpu.localApic) cpu.localApic.taskPriority = Number(value) << 4;
  else cpu.state.cr8 = Number(value);
  if (index === 8) cpu.modeChanged();
}

function setCr0(cpu: Cpu, value: bigint): void {
  const { state } = cpu;
  if (value >> 32n) generalProtection();
  const bits = ((Number(value) & CR0_BITS) | Cr0.ET) >>> 0;
  const paging = (bits & Cr0.PG) !== 0;
  if (paging && !(bits & Cr0.PE)) generalProtection();
  if (bits & Cr0.NW && !(bits & Cr0.CD)) generalProtection();
  if (state.cr4 & Cr4.CET && !(bits & Cr0.WP)) generalProtection();
  let { efer } = state;
  if (paging && !state.paging && efer & Efer.LME) {
    // Activating long mode (SDM vol. 3, section 10.8.5).
    if (!(state.cr4 & Cr4.PAE) || state.segments[Seg.CS].long) generalProtection();
    const tss: SystemType = state.tr.type;
    if (!state.tr.unusable && tss === SystemType.TSS16_BUSY) generalProtection();
    efer |= Efer.LMA;
  }
  if (!paging && state.paging) {
    if (state.mode64 || state.cr4 & Cr4.PCIDE) generalProtection();
    efer &= ~Efer.LMA;
  }
  if (paging && state.cr4 & Cr4.PAE && !(efer & Efer.LMA) && (bits ^ state.cr0) & (Cr0.PG | Cr0.CD | Cr0.NW)) {
    loadPdptes(cpu, state.cr3);
  }
  if ((bits ^ state.cr0) & CR0_FLUSH) cpu.translations.flush(false);
  if (!(state.cr0 & Cr0.PE)) state.cpl = 0;
  state.cr0 = bits;
  state.efer = efer;
  cpu.modeChanged();
}

/** Loads CR3 as MOV does. Bit 63 asks to keep translations and is not stored. */
export function setCr3(cpu: Cpu, value: bigint): void {
  const { state } = cpu;
  const pcids = (state.cr4 & Cr4.PCIDE) !== 0;
  const keep = pcids && highHalf(value) < 0;
  const cr3 = keep ? value - CR3_NO_FLUSH : value;
  if (highHalf(cr3) >>> (cpu.model.physicalAddressBits - 32)) generalProtection();
  if (state.paging && state.cr4 & Cr4.PAE && !state.longMode) loadPdptes(cpu, cr3);
  state.cr3 = cr3;
  if (!pcids) cpu.translations.flush(true);
  else if (!keep) cpu.translations.flushPcid(Number(cr3 & PCID_MASK));
  cpu.modeChanged();
}

function setCr4(cpu: Cpu, value: bigint): void {
  const { state } = cpu;
  const fred = cpu.model.features.has('FRED') ? CR4_FRED : 0n;
  if (value & ~(BigInt(validCr4Bits(cpu.model)) | fred)) generalProtection();
  // FRED transitions are for 64-bit kernels alone (FRED specification, section 4.1).
  if (value & CR4_FRED && !state.mode64) generalProtection();
  const bits = Number(value & 0xffffffffn);
  const changed = bits ^ state.cr4;
  if (state.longMode && (!(bits & Cr4.PAE) || changed & Cr4.LA57)) generalProtection();
  if (bits & Cr4.CET && !(state.cr0 & Cr0.WP)) generalProtection();
  if (changed & bits & Cr4.PCIDE && (!state.longMode || state.cr3 & PCID_MASK)) generalProtection();
  const pae = Cr4.PAE | Cr4.PGE | Cr4.PSE | Cr4.SMEP;
  if (state.paging && bits & Cr4.PAE && !state.longMode && changed & pae) loadPdptes(cpu, state.cr3);
  if (changed & CR4_FLUSH) cpu.translations.flush(false);
  state.cr4 = bits;
  state.fred.enabled = (value & CR4_FRED) !== 0n;
  cpu.modeChanged();
}

/** PAE paging keeps its four top-level entries in registers, loaded with CR3 (SDM vol. 3, section 4.4.1). */
function loadPdptes(cpu: Cpu, cr3: bigint): void {
  const pdptes = cpu.paging.readPdptes(cr3);
  for (let index = 0; index < 8; index += 2) {
    if (cpu.paging.pdpteReserved(pdptes[index], pdptes[index + 1])) generalProtection();
  }
  cpu.state.pdptes.set(pdptes);
}

/** CLTS. */
export function executeClts(cpu: Cpu, _instruction: Instruction): void {
  requireRing0(cpu);
  cpu.state.cr0 = (cpu.state.cr0 & ~Cr0.TS) >>> 0;
  cpu.modeChanged();
}

/** LMSW: loads PE, MP, EM and TS; PE can be set but not cleared. */
export function executeLmsw(cpu: Cpu, instruction: Instruction): void {
  requireRing0(cpu);
  const source = Number(readOperand(cpu, operandAt(instruction, 0), 2)) & 0xf;
  const { cr0 } = cpu.state;
  setCr0(cpu, BigInt(((cr0 & ~0xe) | source) >>> 0));
}

/** SMSW: CR0 at the operand size to a register, its low 16 bits to memory. */
export function executeSmsw(cpu: Cpu, instruction: Instruction): void {
  requireUserModeInstructionAllowed(cpu);
  writeOperand(cpu, operandAt(instruction, 0), 2, BigInt(cpu.state.cr0 >>> 0));
}

/** SGDT, SIDT, SLDT, SMSW and STR raise #GP(0) outside ring 0 if CR4.UMIP is set. */
export function requireUserModeInstructionAllowed(cpu: Cpu): void {
  if (cpu.state.cr4 & Cr4.UMIP && cpu.state.cpl !== 0) generalProtection();
}

function requireXsave(cpu: Cpu): void {
  if (!(cpu.state.cr4 & Cr4.OSXSAVE)) throw new GuestException(Vector.UD);
}

/** XGETBV: XCR0; with ECX = 1 which of its components are in use. */
export function executeXgetbv(cpu: Cpu, _instruction: Instruction): void {
  requireXsave(cpu);
  const index = cpu.state.gpr[Gpr.RCX] & 0xffffffffn;
  if (index > (cpu.model.features.has('XGETBV1') ? 1n : 0n)) generalProtection();
  writeEdxEax(cpu.state, index === 1n ? componentsInUse(cpu) : cpu.state.xcr0);
}

/** XSETBV: what AVX state needs must be enabled with it (SDM vol. 1, section 13.3). */
export function executeXsetbv(cpu: Cpu, _instruction: Instruction): void {
  requireXsave(cpu);
  requireRing0(cpu);
  const value = readEdxEax(cpu.state);
  const [x87, sse, avx] = [1n, 2n, 4n];
  if (cpu.state.gpr[Gpr.RCX] & 0xffffffffn || value & ~userComponents(cpu.model)) generalProtection();
  if (!(value & x87) || (value & avx && !(value & sse))) generalProtection();
  cpu.state.xcr0 = value;
  cpu.modeChanged();
}
