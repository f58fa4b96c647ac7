/**
 * Instructions that operating systems execute all the time, in 64-bit mode (SDM vol. 2, "Operation" of each). What is
 * described here are their common cases; `Context.routine` leaves the others to cpu/fast-calls.ts and
 * cpu/flag-instructions.ts, which describe all of them.
 */
import * as w from '../../wasm/expression';
import type { Value } from '../../wasm/expression';
import { CODE64, DATA, DPL3 } from '../../cpu/flat-segments';
import { Flag, STATUS_FLAGS } from '../../cpu/state';
import {
  CPL,
  FMASK,
  JUMP_CACHE_BASE,
  JUMP_CACHE_BASES,
  KERNEL_GS_BASE,
  LSTAR,
  SEGMENT_BASE,
  SEGMENT_LIMIT,
  SEGMENT_RIGHTS,
  SELECTORS,
  SHORTCUTS,
  STAR,
  TLB_BASES,
} from '../../engine/layout';
import { Shortcut } from '../../engine/shortcuts';
import { Gpr, Seg } from '../instruction';
import { isCanonical48 } from './control';
import type { Context } from './context';
import { define, forms, type Definition } from './definition';
import { pop } from './stack';

const STATE = w.i32(0);

/** RFLAGS bits SYSRET takes from R11 (cpu/fast-calls.ts). */
const SYSRET_FLAGS = 0x3c7fd7;
/** RFLAGS bits POPF always writes, IF and IOPL being a matter of privilege (cpu/far-transfer.ts). */
const POPPED_FLAGS = Flag.DF | Flag.NT | Flag.AC | Flag.ID;

const cpl = (): Value => w.load32(STATE, CPL);

/** Only ring 0 gets by without its routine. */
function requireRing0(c: Context): void {
  c.routineIf(cpl());
}

/** Flags other than the status flags (evaluated i32). What of them decides about translations comes into force. */
function setControlFlags(c: Context, flags: Value, user: Value): void {
  c.setOtherFlags(flags);
  const ac = w.and(w.shrU(flags, w.i32(AC_BIT)), w.i32(1));
  c.setTlb(w.load32(w.or(w.shl(user, w.i32(3)), w.shl(ac, w.i32(2))), TLB_BASES));
}

const AC_BIT = 18;

function setSelector(c: Context, seg: Seg, selector: Value): void {
  c.f.store64(STATE, SELECTORS + 2 * seg, 2, w.extendU(selector));
}

/** The hidden part of a segment register as SYSCALL and SYSRET load it: flat, whatever the descriptor tables say. */
function setHiddenPart(c: Context, seg: Seg, rights: number): void {
  c.f.store64(STATE, SEGMENT_BASE + 8 * seg, 8, w.i64(0));
  c.f.store32(STATE, SEGMENT_LIMIT + 4 * seg, w.i32(-1));
  c.f.store32(STATE, SEGMENT_RIGHTS + 4 * seg, w.i32(rights));
}

/** Ring 0 or 3, with RFLAGS (evaluated i64). */
function enterRing(c: Context, ring: 0 | 3, rflags: Value): void {
  const user = ring === 3 ? 1 : 0;
  c.flags.setAll(rflags);
  const others = w.or(w.and(w.wrap(rflags), w.i32(~STATUS_FLAGS)), w.i32(Flag.FIXED));
  setControlFlags(c, c.let(others), w.i32(user));
  c.f.store32(STATE, CPL, w.i32(ring));
  c.f.store32(STATE, JUMP_CACHE_BASE, w.load32(STATE, JUMP_CACHE_BASES + 4 * user));
}

function syscall(c: Context): void {
  c.requireShortcuts(Shortcut.SYSCALL);
  const rflags = c.let(w.or(c.flags.all(), w.extendU(w.and(c.otherFlags(), w.i32(~Flag.RF)))));
  c.setRegister(Gpr.RCX, 8, c.followingAddress());
  c.setRegister(Gpr.R11, 8, rflags);
  enterRing(c, 0, c.let(w.and(rflags, w.not(w.load64(STATE, FMASK, 4)))));
  const selector = c.let(w.and(w.load32(STATE, STAR + 4, 2), w.i32(0xfffc)));
  setSelector(c, Seg.CS, selector);
  setHiddenPart(c, Seg.CS, CODE64);
  setSelector(c, Seg.SS, w.add(selector, w.i32(8)));
  setHiddenPart(c, Seg.SS, DATA);
  c.jumpTo(w.load64(STATE, LSTAR, 8));
}

/** SYSRETQ to a canonical address. TF would trap at once. */
function sysret(c: Context): void {
  c.requireShortcuts(Shortcut.SYSRET);
  requireRing0(c);
  const target = c.let(c.register(Gpr.RCX, 8));
  c.routineIf(w.isZero(isCanonical48(target)));
  const rflags = c.let(w.and(c.register(Gpr.R11, 8), w.i64(SYSRET_FLAGS)));
  c.routineIf(w.and(w.wrap(rflags), w.i32(Flag.TF)));
  enterRing(c, 3, rflags);
  const selector = c.let(w.load32(STATE, STAR + 6, 2));
  setSelector(c, Seg.CS, w.or(w.add(selector, w.i32(16)), w.i32(3)));
  setHiddenPart(c, Seg.CS, CODE64 | DPL3);
  setSelector(c, Seg.SS, w.or(w.add(selector, w.i32(8)), w.i32(3)));
  c.if(w.and(w.load32(STATE, SHORTCUTS), w.i32(Shortcut.SYSRET_LOADS_SS)), () => setHiddenPart(c, Seg.SS, DATA | DPL3));
  c.jumpTo(target);
}

function swapgs(c: Context): void {
  c.requireShortcuts(Shortcut.CONTROL);
  requireRing0(c);
  const base = c.let(w.load64(STATE, SEGMENT_BASE + 8 * Seg.GS, 8));
  c.f.store64(STATE, SEGMENT_BASE + 8 * Seg.GS, 8, w.load64(STATE, KERNEL_GS_BASE, 8));
  c.f.store64(STATE, KERNEL_GS_BASE, 8, base);
}

/** STI where no interrupt waits and none can arrive before the next instruction is over: its shadow shows nowhere. */
function sti(c: Context): void {
  c.requireShortcuts(Shortcut.INTERRUPTS);
  requireRing0(c);
  c.routineIf(w.isZero(c.hasBudgetAfter()));
  c.setOtherFlags(w.or(c.otherFlags(), w.i32(Flag.IF)));
}

function changeAlignmentCheck(set: boolean): (c: Context) => void {
  return (c) => {
    c.requireShortcuts(Shortcut.CONTROL | Shortcut.SMAP);
    requireRing0(c);
    const others = set ? w.or(c.otherFlags(), w.i32(Flag.AC)) : w.and(c.otherFlags(), w.i32(~Flag.AC));
    setControlFlags(c, c.let(others), w.i32(0));
  };
}

function popf(c: Context): void {
  c.requireShortcuts(Shortcut.INTERRUPTS);
  const { value, release } = pop(c, 8);
  const image = c.let(w.wrap(value));
  c.routineIf(w.and(image, w.i32(Flag.TF)));
  const old = c.let(c.otherFlags());
  const privilege = c.let(cpl());
  const iopl = w.and(w.shrU(old, w.i32(12)), w.i32(3));
  const outer = w.select(w.leU(privilege, iopl), w.i32(POPPED_FLAGS | Flag.IF), w.i32(POPPED_FLAGS));
  const mask = c.let(w.select(privilege, outer, w.i32(POPPED_FLAGS | Flag.IF | Flag.IOPL)));
  release();
  c.flags.setAll(value);
  const kept = w.and(old, w.not(w.or(mask, w.i32(Flag.RF))));
  setControlFlags(c, c.let(w.or(kept, w.and(image, mask))), w.ne(privilege, w.i32(0)));
}

/** The block ends even though execution goes on at the next instruction: a routine needs that. */
function going(mnemonic: string, emit: (c: Context) => void): Definition {
  const whole = (c: Context): void => {
    emit(c);
    c.jump();
  };
  return define(mnemonic, forms(['']), whole, { transfer: true, goesOn: true });
}

export const system: readonly Definition[] = [
  define('SYSCALL', forms(['']), syscall, { transfer: true }),
  define('SYSRET', forms(['']), sysret, { traits: ['operandSize'], operandSizes: [8], transfer: true }),
  going('SWAPGS', swapgs),
  going('CLI', (c) => {
    c.requireShortcuts(Shortcut.CONTROL);
    requireRing0(c);
    c.setOtherFlags(w.and(c.otherFlags(), w.i32(~Flag.IF)));
  }),
  going('STI', sti),
  going('CLAC', changeAlignmentCheck(false)),
  going('STAC', changeAlignmentCheck(true)),
  { ...going('POPF', popf), traits: ['operandSize'], operandSizes: [8] },
];

/** Those that are described for 64-bit mode alone. */
export const DESCRIBED_IN_64_BIT_MODE: ReadonlySet<string> = new Set(system.map(({ mnemonic }) => mnemonic));
