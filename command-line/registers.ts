/** Every architectural register by its SDM name in lower case, values as hex strings: what `--registers` writes. */
import { Gpr, readControlRegister, Seg, type Machine, type SegmentRegister } from '../emulator';

type Hex = `0x${string}`;

/** Segment registers have their hidden parts beside them, as `cs`, `cs_base`, `cs_limit`, `cs_rights`. */
type Dump = Record<string, Hex | number>;

const GENERAL = {
  rax: Gpr.RAX,
  rbx: Gpr.RBX,
  rcx: Gpr.RCX,
  rdx: Gpr.RDX,
  rsi: Gpr.RSI,
  rdi: Gpr.RDI,
  rbp: Gpr.RBP,
  rsp: Gpr.RSP,
};

function hex(value: bigint | number): Hex {
  return `0x${(typeof value === 'number' ? value >>> 0 : BigInt.asUintN(64, value)).toString(16)}`;
}

/** All registers, and `instructions`: how many were executed. */
export function registerDump({ state, cpu, instructionCount }: Machine): Dump {
  const { gpr, segments } = state;
  const dump: Dump = {};
  for (const [name, index] of Object.entries(GENERAL)) dump[name] = hex(gpr[index]);
  for (let index = 8; index < 16; index++) dump[`r${index}`] = hex(gpr[index]);
  dump.rip = hex(state.rip);
  dump.rflags = hex(state.rflags);
  const named = { cs: Seg.CS, ss: Seg.SS, ds: Seg.DS, es: Seg.ES, fs: Seg.FS, gs: Seg.GS };
  for (const [name, segment] of Object.entries(named)) Object.assign(dump, segmentDump(name, segments[segment]));
  Object.assign(dump, segmentDump('ldtr', state.ldtr), segmentDump('tr', state.tr));
  for (const name of ['gdtr', 'idtr'] as const) {
    dump[`${name}_base`] = hex(state[name].base);
    dump[`${name}_limit`] = hex(state[name].limit);
  }
  dump.cpl = hex(state.cpl);
  for (const index of [0, 2, 3, 4, 8]) dump[`cr${index}`] = hex(readControlRegister(cpu, index));
  dump.xcr0 = hex(state.xcr0);
  state.breakpointAddresses.forEach((address, index) => (dump[`dr${index}`] = hex(address)));
  dump.dr6 = hex(state.dr6);
  dump.dr7 = hex(state.dr7);
  dump.efer = hex(state.efer);
  dump.star = hex(state.star);
  dump.lstar = hex(state.lstar);
  dump.cstar = hex(state.cstar);
  dump.fmask = hex(state.fmask);
  dump.kernel_gs_base = hex(state.kernelGsBase);
  dump.sysenter_cs = hex(state.sysenterCs);
  dump.sysenter_esp = hex(state.sysenterEsp);
  dump.sysenter_eip = hex(state.sysenterEip);
  dump.tsc_aux = hex(state.tscAux);
  dump.instructions = instructionCount;
  return dump;
}

/**
 * `limit` is the last valid byte offset; `rights` are as in a VMCS (SDM vol. 3, section 25.4.1): type, S, DPL, P, AVL, L,
 * D/B, G; bit 16 is "unusable".
 */
function segmentDump(name: string, { selector, base, limit, rights }: SegmentRegister): Dump {
  return {
    [name]: hex(selector),
    [`${name}_base`]: hex(base),
    [`${name}_limit`]: hex(limit),
    [`${name}_rights`]: hex(rights),
  };
}
