/** The architectural routines by SDM mnemonic: what the engine calls instead of generated code. */
import { Seg, type Instruction } from '../isa/instruction';
import * as cache from './cache-instructions';
import { executeEndbranch } from './cet';
import * as control from './control-registers';
import type { ArchitecturalRoutine, Cpu } from './cpu';
import { executeCpuid } from './cpuid';
import { executeMovDr } from './debug-registers';
import * as tables from './descriptor-tables';
import { GuestException, Vector } from './exceptions';
import { executeCallFar, executeJmpFar } from './far-call';
import * as fast from './fast-calls';
import * as flags from './flag-instructions';
import * as fxsave from './fxsave';
import * as fred from './fred';
import { executeInt, executeInt1 } from './interrupts';
import { dataAccess, readLinear } from './linear-memory';
import { executeRdmsr, executeWrmsr } from './msr';
import { executeNearCall, executeNearJmp, executeNearRet } from './near-branch';
import * as io from './port-io';
import { executeRdpkru, executeWrpkru } from './protection-key-instructions';
import { executeRandom } from './random';
import { operandAt, readGpr } from './registers';
import { executeIret, executeRetFar } from './return';
import * as segments from './segment-instructions';
import * as shadow from './shadow-stack-instructions';
import * as timestamp from './timestamp';
import * as xsave from './xsave';

function undefinedInstruction(): never {
  throw new GuestException(Vector.UD);
}

/** BOUND: #BR unless the signed index lies between the two bounds in memory. */
function executeBound(cpu: Cpu, instruction: Instruction): void {
  const operand = operandAt(instruction, 0);
  const size = instruction.operandSize === 2 ? 2 : 4;
  const signed = (value: bigint): bigint => BigInt.asIntN(8 * size, value);
  const access = dataAccess(cpu);
  const index = operand.kind === 'register' ? signed(readGpr(cpu.state, operand)) : 0n;
  const lower = signed(readLinear(cpu, cpu.operandAddress, size, access));
  const upper = signed(readLinear(cpu, cpu.operandAddress + BigInt(size), size, access));
  if (index < lower || index > upper) throw new GuestException(Vector.BR);
}

/** Instructions of extensions no model has, and the reserved ones: #UD. */
const UNDEFINED = [
  ...['UD0', 'UD1', 'UD2', 'RSM', 'GETSEC'],
  ...['VMCALL', 'VMLAUNCH', 'VMRESUME', 'VMXON', 'VMXOFF', 'VMPTRLD', 'VMPTRST', 'VMCLEAR', 'VMREAD', 'VMWRITE'],
  ...['VMFUNC', 'INVEPT', 'INVVPID', 'VMRUN', 'VMMCALL', 'VMLOAD', 'VMSAVE', 'STGI', 'CLGI', 'SKINIT', 'INVLPGA'],
];

export const architecturalRoutines: Readonly<Record<string, ArchitecturalRoutine>> = {
  ...Object.fromEntries(UNDEFINED.map((mnemonic) => [mnemonic, undefinedInstruction])),
  ARPL: segments.executeArpl,
  BOUND: executeBound,
  CALL: executeNearCall,
  CALL_FAR: executeCallFar,
  CLAC: flags.executeClac,
  CLI: flags.executeCli,
  CLRSSBSY: shadow.executeClrssbsy,
  CLTS: control.executeClts,
  CPUID: executeCpuid,
  FXRSTOR: fxsave.executeFxrstor,
  FXSAVE: fxsave.executeFxsave,
  ENDBR32: executeEndbranch(false),
  ENDBR64: executeEndbranch(true),
  ERETS: fred.executeErets,
  ERETU: fred.executeEretu,
  HLT: flags.executeHlt,
  IN: io.executeIn,
  INCSSP: shadow.executeIncssp,
  INS: io.executeIns,
  INT: executeInt,
  INT1: executeInt1,
  INT3: executeInt,
  INTO: executeInt,
  INVD: cache.executeInvd,
  INVLPG: cache.executeInvlpg,
  INVPCID: cache.executeInvpcid,
  IRET: executeIret,
  JMP: executeNearJmp,
  JMP_FAR: executeJmpFar,
  LAR: segments.executeLar,
  LDMXCSR: fxsave.executeLdmxcsr,
  LDS: segments.loadFarPointer(Seg.DS),
  LES: segments.loadFarPointer(Seg.ES),
  LFS: segments.loadFarPointer(Seg.FS),
  LGDT: tables.executeLgdt,
  LGS: segments.loadFarPointer(Seg.GS),
  LIDT: tables.executeLidt,
  LKGS: fred.executeLkgs,
  LLDT: tables.executeLldt,
  LMSW: control.executeLmsw,
  LSL: segments.executeLsl,
  LSS: segments.loadFarPointer(Seg.SS),
  LTR: tables.executeLtr,
  MONITOR: cache.executeMonitor,
  MOV_CR: control.executeMovCr,
  MOV_DR: executeMovDr,
  MOV_SREG_LOAD: segments.executeMovSregLoad,
  MWAIT: cache.executeMwait,
  OUT: io.executeOut,
  OUTS: io.executeOuts,
  POPF: flags.executePopf,
  PUSHF: flags.executePushf,
  POP_SREG: segments.executePopSreg,
  RDFSBASE: segments.readBase(Seg.FS),
  RDGSBASE: segments.readBase(Seg.GS),
  RDMSR: executeRdmsr,
  RDPKRU: executeRdpkru,
  RDPID: timestamp.executeRdpid,
  RDPMC: timestamp.executeRdpmc,
  RDRAND: executeRandom,
  RDSEED: executeRandom,
  RDSSP: shadow.executeRdssp,
  RDTSC: timestamp.executeRdtsc,
  RDTSCP: timestamp.executeRdtscp,
  RET: executeNearRet,
  RET_FAR: executeRetFar,
  RSTORSSP: shadow.executeRstorssp,
  SAVEPREVSSP: shadow.executeSaveprevssp,
  SETSSBSY: shadow.executeSetssbsy,
  SGDT: tables.executeSgdt,
  SIDT: tables.executeSidt,
  SLDT: tables.executeSldt,
  SMSW: control.executeSmsw,
  STAC: flags.executeStac,
  STMXCSR: fxsave.executeStmxcsr,
  STI: flags.executeSti,
  STR: tables.executeStr,
  SWAPGS: fast.executeSwapgs,
  SYSCALL: fast.executeSyscall,
  SYSENTER: fast.executeSysenter,
  SYSEXIT: fast.executeSysexit,
  SYSRET: fast.executeSysret,
  VERR: segments.executeVerr,
  VERW: segments.executeVerw,
  VLDMXCSR: fxsave.executeLdmxcsr,
  VSTMXCSR: fxsave.executeStmxcsr,
  WBINVD: cache.executeInvd,
  WRFSBASE: segments.writeBase(Seg.FS),
  WRGSBASE: segments.writeBase(Seg.GS),
  WRMSR: executeWrmsr,
  WRPKRU: executeWrpkru,
  WRSS: shadow.executeWrss,
  WRUSS: shadow.executeWruss,
  XGETBV: control.executeXgetbv,
  XRSTOR: xsave.executeXrstor,
  XRSTORS: xsave.executeXrstors,
  XSAVE: xsave.executeXsave,
  XSAVEC: xsave.executeXsavec,
  XSAVEOPT: xsave.executeXsaveopt,
  XSAVES: xsave.executeXsaves,
  XSETBV: control.executeXsetbv,
};
