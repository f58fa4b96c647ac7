/**
 * The state components XSAVE manages beyond the legacy area (SDM vol. 1, section 13.1): what they are called, how large
 * they are, where the standard format puts them, and how each is saved, restored and initialized.
 */
import type { Cpu } from './cpu';
import type { CpuModel, Feature } from './cpuid';

/** Bits of XCR0, IA32_XSS and the masks of XSAVE. */
export const enum Component {
  X87 = 0,
  SSE = 1,
  AVX = 2,
  PKRU = 9,
  CET_USER = 11,
  CET_SUPERVISOR = 12,
}

export interface StateComponent {
  readonly bit: number;
  /** CPU features of which one brings the component. */
  readonly features: readonly Feature[];
  readonly bytes: number;
  /** Offset in the standard format, which supervisor components are not part of. */
  readonly standardOffset: number;
  /** Enabled by IA32_XSS instead of XCR0. */
  readonly supervisor: boolean;
  /** Whether it differs from its initial configuration. */
  inUse(cpu: Cpu): boolean;
  save(cpu: Cpu, area: Uint8Array): void;
  restore(cpu: Cpu, area: Uint8Array): void;
  initialize(cpu: Cpu): void;
}

const AVX: StateComponent = {
  bit: Component.AVX,
  features: ['AVX'],
  bytes: 256,
  standardOffset: 576,
  supervisor: false,
  inUse: (cpu) => upperHalves(cpu).some((half) => half.some((byte) => byte !== 0)),
  save(cpu, area) {
    upperHalves(cpu).forEach((half, i) => area.set(half, 16 * i));
  },
  restore(cpu, area) {
    upperHalves(cpu).forEach((half, i) => half.set(area.subarray(16 * i, 16 * i + 16)));
  },
  initialize(cpu) {
    for (const half of upperHalves(cpu)) half.fill(0);
  },
};

/** Upper halves of the YMM registers the mode has: 16 in 64-bit mode, else 8. */
function upperHalves(cpu: Cpu): Uint8Array[] {
  const { extended, mode64 } = cpu.state;
  return Array.from({ length: mode64 ? 16 : 8 }, (_, i) => extended.vectorHalf(i, 1));
}

const PKRU: StateComponent = {
  bit: Component.PKRU,
  features: ['PKU'],
  bytes: 8,
  // Where processors have it that could have AVX-512 in front of it.
  standardOffset: 2688,
  supervisor: false,
  inUse: (cpu) => cpu.state.pkru !== 0,
  save(cpu, area) {
    view(area).setBigUint64(0, BigInt(cpu.state.pkru >>> 0), true);
  },
  restore(cpu, area) {
    cpu.state.pkru = view(area).getUint32(0, true);
    cpu.modeChanged();
  },
  initialize(cpu) {
    cpu.state.pkru = 0;
    cpu.modeChanged();
  },
};

const CET_FEATURES: readonly Feature[] = ['CET_SS', 'CET_IBT'];

/** IA32_U_CET and IA32_PL3_SSP. */
const CET_USER: StateComponent = {
  bit: Component.CET_USER,
  features: CET_FEATURES,
  bytes: 16,
  standardOffset: 0,
  supervisor: true,
  inUse: ({ state: { cet } }) => cet.user !== 0n || cet.privilegeSsp[3] !== 0n,
  save({ state: { cet } }, area) {
    view(area).setBigUint64(0, cet.user, true);
    view(area).setBigUint64(8, cet.privilegeSsp[3], true);
  },
  restore(cpu, area) {
    const { cet } = cpu.state;
    cet.user = view(area).getBigUint64(0, true);
    cet.privilegeSsp[3] = view(area).getBigUint64(8, true);
    cpu.modeChanged();
  },
  initialize(cpu) {
    const { cet } = cpu.state;
    cet.user = cet.privilegeSsp[3] = 0n;
    cpu.modeChanged();
  },
};

/** IA32_PL0_SSP to IA32_PL2_SSP. */
const CET_SUPERVISOR: StateComponent = {
  bit: Component.CET_SUPERVISOR,
  features: CET_FEATURES,
  bytes: 24,
  standardOffset: 0,
  supervisor: true,
  inUse: ({ state: { cet } }) => cet.privilegeSsp.slice(0, 3).some((ssp) => ssp !== 0n),
  save({ state: { cet } }, area) {
    for (let i = 0; i < 3; i++) view(area).setBigUint64(8 * i, cet.privilegeSsp[i], true);
  },
  restore({ state: { cet } }, area) {
    for (let i = 0; i < 3; i++) cet.privilegeSsp[i] = view(area).getBigUint64(8 * i, true);
  },
  initialize({ state: { cet } }) {
    cet.privilegeSsp.fill(0n, 0, 3);
  },
};

const view = (area: Uint8Array): DataView => new DataView(area.buffer, area.byteOffset, area.byteLength);

/** All components from bit 2 on, in the order of their bits. */
export const COMPONENTS: readonly StateComponent[] = [AVX, PKRU, CET_USER, CET_SUPERVISOR];

/** Whether `model` has the component. */
export function hasComponent({ features }: CpuModel, component: StateComponent): boolean {
  return component.features.some((feature) => features.has(feature));
}
