/**
 * Instructions that operating systems execute all the time, in 64-bit mode (SDM vol. 2, "Operation" of each). What is
 * described here are their common cases; `Context.routine` leaves the others to cpu/fast-calls.ts,
 * cpu/flag-instructions.ts and cpu/return.ts, which describe all of them.
 */
import * as w from '../../wasm/expression';
import type { Value } from '../../wasm/expression';
import { ValueType } from '../../wasm/types';
import { CODE64, DATA, DPL3 } from '../../cpu/flat-segments';
import { AccessRights, Flag, STATUS_FLAGS } from '../../cpu/state';
import {
  CPL,
  FMASK,
  GDTR_BASE,
  GDTR_LIMIT,
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
function setHiddenPart(c: Context, seg: Seg, rights: Value): void {
  c.f.store64(STATE, SEGMENT_BASE + 8 * seg, 8, w.i64(0));
  c.f.store32(STATE, SEGMENT_LIMIT + 4 * seg, w.i32(-1));
  c.f.store32(STATE, SEGMENT_RIGHTS + 4 * seg, rights);
}

/** Ring 3 if `user` (evaluated i32) is 1, ring 0 if it is 0; with RFLAGS (evaluated i64). */
function enterRing(c: Context, user: Value, rflags: Value): void {
  c.flags.setAll(rflags);
  const others = w.or(w.and(w.wrap(rflags), w.i32(~STATUS_FLAGS)), w.i32(Flag.FIXED));
  setControlFlags(c, c.let(others), user);
  c.f.store32(STATE, CPL, w.mul(user, w.i32(3)));
  c.f.store32(STATE, JUMP_CACHE_BASE, w.load32(w.shl(user, w.i32(2)), JUMP_CACHE_BASES));
}

/**
 * Rights for `AccessRights` of the flat descriptor of a selector (evaluated i32): in the GDT, its DPL the selector's RPL,
 * and otherwise the bits of `flat` but for those in `free`. Other descriptors are left to the routine.
 */
function flatRights(c: Context, selector: Value, flat: bigint, free: bigint): Value {
  const offset = c.let(w.and(selector, w.i32(0xfff8)));
  c.routineIf(w.or(w.and(selector, w.i32(SELECTOR_TI)), w.isZero(offset)));
  c.routineIf(w.gtU(w.add(offset, w.i32(7)), w.load32(STATE, GDTR_LIMIT)));
  const descriptor = c.load(w.add(w.load64(STATE, GDTR_BASE, 8), w.extendU(offset)), 8);
  const dpl = w.shl(w.extendU(w.and(selector, w.i32(3))), w.i64(DESCRIPTOR_DPL));
  c.routineIf(w.ne(w.and(descriptor, w.i64(~free)), w.or(dpl, w.i64(flat))));
  return c.let(w.and(w.wrap(w.shrU(descriptor, w.i64(40))), w.i32(DESCRIPTOR_RIGHTS)));
}

const SELECTOR_TI = 4;
/** Lowest bit of DPL in a descriptor, and the bits that are access rights, 40 bits down (SDM vol. 3, figure 3-8). */
const DESCRIPTOR_DPL = 45;
const DESCRIPTOR_RIGHTS = 0xf0ff;
/** Base 0, limit 4 GiB - 1, present, accessed: 64-bit code that is not conforming, and writable data. */
const FLAT_CODE64 = 0x00af_9900_0000_ffffn;
const FLAT_DATA = 0x008f_9300_0000_ffffn;
const [READABLE, AVAILABLE, BIG] = [1n << 41n, 1n << 52n, 1n << 54n];

function syscall(c: Context): void {
  c.requireShortcuts(Shortcut.SYSCALL);
  const rflags = c.let(w.or(c.flags.all(), w.extendU(w.and(c.otherFlags(), w.i32(~Flag.RF)))));
  c.setRegister(Gpr.RCX, 8, c.followingAddress());
  c.setRegister(Gpr.R11, 8, rflags);
  enterRing(c, w.i32(0), c.let(w.and(rflags, w.not(w.load64(STATE, FMASK, 4)))));
  const selector = c.let(w.and(w.load32(STATE, STAR + 4, 2), w.i32(0xfffc)));
  setSelector(c, Seg.CS, selector);
  setHiddenPart(c, Seg.CS, w.i32(CODE64));
  setSelector(c, Seg.SS, w.add(selector, w.i32(8)));
  setHiddenPart(c, Seg.SS, w.i32(DATA));
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
  enterRing(c, w.i32(1), rflags);
  const selector = c.let(w.load32(STATE, STAR + 6, 2));
  setSelector(c, Seg.CS, w.or(w.add(selector, w.i32(16)), w.i32(3)));
  setHiddenPart(c, Seg.CS, w.i32(CODE64 | DPL3));
  setSelector(c, Seg.SS, w.or(w.add(selector, w.i32(8)), w.i32(3)));
  c.if(w.and(w.load32(STATE, SHORTCUTS), w.i32(Shortcut.SYSRET_LOADS_SS)), () =>
    setHiddenPart(c, Seg.SS, w.i32(DATA | DPL3)),
  );
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

/**
 * IRETQ from ring 0 to ring 0 or 3, 64-bit code there too. RF is for the next instruction alone: that is executed right
 * away, and there are no instruction breakpoints here.
 */
function iret(c: Context): void {
  c.requireShortcuts(Shortcut.IRET);
  requireRing0(c);
  c.routineIf(w.or(w.and(c.otherFlags(), w.i32(Flag.NT | Flag.AC)), w.isZero(c.hasBudgetAfter())));
  const frame = c.let(c.register(Gpr.RSP, 8));
  const word = (index: number): Value => c.load(w.add(frame, w.i64(8 * index)), 8);
  const selectorIn = (value: Value): Value => c.let(w.and(w.wrap(value), w.i32(0xffff)));
  const target = word(0);
  const code = selectorIn(word(1));
  const rflags = c.let(w.and(word(2), w.i64(RETURNED_FLAGS)));
  c.routineIf(w.isZero(isCanonical48(target)));
  c.routineIf(w.and(w.wrap(rflags), w.i32(Flag.TF)));
  const rpl = c.let(w.and(code, w.i32(3)));
  const user = c.let(w.eq(rpl, w.i32(3)));
  c.routineIf(w.ne(rpl, w.mul(user, w.i32(3))));
  const codeRights = flatRights(c, code, FLAT_CODE64, READABLE | AVAILABLE);
  const pointer = word(3);
  const stack = selectorIn(word(4));
  c.routineIf(w.ne(w.and(stack, w.i32(3)), rpl));
  const stackRights = c.f.slot(ValueType.I32);
  c.if(
    w.or(stack, user),
    () => c.f.set(stackRights, flatRights(c, stack, FLAT_DATA, AVAILABLE | BIG)),
    () => c.f.set(stackRights, w.i32(AccessRights.UNUSABLE)),
  );
  c.if(user, () => requireOuterSegments(c));

  setSelector(c, Seg.CS, code);
  setHiddenPart(c, Seg.CS, codeRights);
  setSelector(c, Seg.SS, stack);
  setHiddenPart(c, Seg.SS, stackRights);
  c.if(user, () => dropUnusableSegments(c));
  enterRing(c, user, rflags);
  c.setRegister(Gpr.RSP, 8, pointer);
  c.jumpTo(target);
}

/** RFLAGS bits that IRET at CPL 0 restores (cpu/return.ts). */
const RETURNED_FLAGS =
  STATUS_FLAGS | Flag.TF | Flag.IF | Flag.DF | Flag.IOPL | Flag.NT | Flag.AC | Flag.VIF | Flag.VIP | Flag.ID;

const DATA_SEGMENTS = [Seg.ES, Seg.DS, Seg.FS, Seg.GS] as const;
const rightsOf = (seg: Seg): Value => w.load32(STATE, SEGMENT_RIGHTS + 4 * seg);

/** Ring 3 may use the data segments as they are, as far as they are usable. */
function requireOuterSegments(c: Context): void {
  for (const seg of DATA_SEGMENTS) {
    const usable = w.isZero(w.and(rightsOf(seg), w.i32(AccessRights.UNUSABLE)));
    c.routineIf(w.and(usable, w.ne(w.and(rightsOf(seg), w.i32(AccessRights.DPL)), w.i32(AccessRights.DPL))));
  }
}

/** Unusable ones lose what is left of them (cpu/far-transfer.ts, `dropInnerSegments`). */
function dropUnusableSegments(c: Context): void {
  for (const seg of DATA_SEGMENTS) {
    c.if(w.and(rightsOf(seg), w.i32(AccessRights.UNUSABLE)), () => {
      setSelector(c, seg, w.i32(0));
      c.f.store32(STATE, SEGMENT_RIGHTS + 4 * seg, w.i32(AccessRights.UNUSABLE));
    });
  }
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
  define('IRET', forms(['']), iret, { traits: ['operandSize'], operandSizes: [8], transfer: true }),
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
