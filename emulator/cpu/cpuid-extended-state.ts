/** CPUID leaf 0Dh: the areas of XSAVE (SDM vol. 2, CPUID; vol. 1, section 13.2). */
import type { Cpu } from './cpu';
import type { CpuidResult } from './cpuid';
import { areaLayout, supervisorComponents, userComponents } from './xsave';
import { COMPONENTS, hasComponent } from './xsave-components';

const LEGACY_COMPONENTS = 3n;

/** EAX of subleaf 1 tells features, in the table of cpuid.ts; this is the rest. */
export function extendedStateLeaf(cpu: Cpu, subleaf: number): CpuidResult {
  const { model, state } = cpu;
  const none = { eax: 0, ebx: 0, ecx: 0, edx: 0 };
  if (!model.features.has('XSAVE')) return none;
  const user = userComponents(model);
  const supervisor = supervisorComponents(model);
  const low = (bits: bigint): number => Number(bits & 0xffffffffn) | 0;
  const high = (bits: bigint): number => Number(bits >> 32n) | 0;
  if (subleaf === 0) {
    const largest = areaLayout(user & ~LEGACY_COMPONENTS, false).bytes;
    return { eax: low(user), ebx: areaLayout(state.xcr0, false).bytes, ecx: largest, edx: high(user) };
  }
  if (subleaf === 1) {
    // The size is told where XSAVEC or XSAVES exist.
    const compacted = model.features.has('XSAVEC') || model.features.has('XSAVES');
    const bytes = compacted ? areaLayout(state.xcr0 | state.xss, true).bytes : 0;
    return { eax: 0, ebx: bytes, ecx: low(supervisor), edx: high(supervisor) };
  }
  const component = COMPONENTS.find((one) => one.bit === subleaf && hasComponent(model, one));
  if (!component) return none;
  const { bytes, standardOffset } = component;
  return { eax: bytes, ebx: component.supervisor ? 0 : standardOffset, ecx: component.supervisor ? 1 : 0, edx: 0 };
}
