import type { Machine } from '../emulator';

/** Instruction breakpoints in the machine, counted: the user's and a step's may share an address. */
export class MachineBreakpoints {
  private readonly uses = new Map<bigint, number>();

  constructor(private readonly machine: Machine) {}

  acquire(va: bigint): void {
    const uses = this.uses.get(va) ?? 0;
    if (uses === 0) this.machine.addBreakpoint(va);
    this.uses.set(va, uses + 1);
  }

  release(va: bigint): void {
    const uses = this.uses.get(va) ?? 0;
    if (uses > 1) {
      this.uses.set(va, uses - 1);
      return;
    }
    this.uses.delete(va);
    this.machine.removeBreakpoint(va);
  }
}
