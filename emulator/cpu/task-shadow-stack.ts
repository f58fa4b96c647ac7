/** Shadow stacks across hardware task switches (SDM vol. 1, section 17.2.4; vol. 3, section 8.3). */
import { ControlProtection, controlProtection, shadowStackEnabled, trackFarTransfer } from './cet';
import type { Cpu } from './cpu';
import { Vector } from './exceptions';
import { readLinear } from './linear-memory';
import { PageAccess } from './paging';
import { selectorFault } from './segmentation';
import { acquireToken, farReturn, releaseToken, ShadowStack, type FarReturn } from './shadow-stack';
import type { TaskSwitchKind } from './task-switch';

/** SSP in a 32-bit TSS, 32 bits. A 16-bit TSS has no place for it. */
const TSS_SSP = 104;
const LIMIT_WITH_SSP = 0x6b;

/** What the outgoing task hands on. */
export interface LeftShadowStack {
  /** CALL and interrupts: where the old task is to go on, for the shadow stack of the new one. */
  readonly push?: { readonly from: FarReturn; readonly ssp: bigint };
  /** IRET: where the shadow stack says that the task returned to goes on. */
  readonly returned?: { readonly to: FarReturn; readonly ssp: bigint };
}

/**
 * The part that belongs to the old task, which resumes at `eip`: faults arise there. `newCpl` is the privilege level of
 * the new task.
 */
export function leaveTaskShadowStack(cpu: Cpu, kind: TaskSwitchKind, eip: bigint, newCpl: number): LeftShadowStack {
  const { state } = cpu;
  const { cet, cpl } = state;
  const stack = ShadowStack.current(cpu);
  if (!stack || kind === 'jmp') return {};
  if (kind === 'call') {
    if (cpl !== 3 || newCpl === 3) return { push: { from: farReturn(state, eip), ssp: cet.ssp } };
    cet.privilegeSsp[3] = cet.ssp;
    return {};
  }
  if (cet.ssp & 7n) controlProtection(ControlProtection.FAR_RET_IRET);
  let returned: LeftShadowStack['returned'];
  if (newCpl === cpl || newCpl < 3) {
    const ssp = stack.pop(8);
    const linear = stack.pop(8);
    returned = { to: { selector: Number(stack.pop(8) & 0xffffffffn), linear }, ssp };
  }
  releaseToken(cpu, stack.ssp);
  cet.ssp = 0n;
  return { returned };
}

/** The part that belongs to the new task, whose TSS is in TR and whose segments are loaded: faults arise in it. */
export function enterTaskShadowStack(cpu: Cpu, kind: TaskSwitchKind, left: LeftShadowStack, ext: number): void {
  const { state } = cpu;
  const { cet, cpl, tr } = state;
  if (kind !== 'iret') trackFarTransfer(cpu, cpl);
  if (!shadowStackEnabled(state, cpl)) return;
  if (kind === 'iret') return returnToTask(cpu, left);
  if (tr.limit < LIMIT_WITH_SSP) selectorFault(Vector.TS, tr.selector, ext);
  const ssp = readLinear(cpu, tr.base + BigInt(TSS_SSP), 4, PageAccess.IMPLICIT);
  if (ssp & 7n || !acquireToken(cpu, ssp)) selectorFault(Vector.TS, tr.selector, ext);
  const stack = new ShadowStack(cpu, ssp, cpl, false);
  if (left.push) stack.pushFrame(left.push.from, left.push.ssp);
  stack.commit();
  cet.ssp = stack.ssp;
}

function returnToTask(cpu: Cpu, { returned }: LeftShadowStack): void {
  const { state } = cpu;
  const ssp = returned ? returned.ssp : state.cet.privilegeSsp[3];
  if (returned) {
    const here = farReturn(state, cpu.nextAddress);
    const same = returned.to.selector === here.selector && returned.to.linear === here.linear;
    if (!same || ssp & 3n) controlProtection(ControlProtection.FAR_RET_IRET);
  }
  if (ssp >> 32n) selectorFault(Vector.GP, 0);
  state.cet.ssp = ssp;
}
