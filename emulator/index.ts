/** The emulator's face: what other rooms may use. */
export { cpuModel, createMachine, interpreterCode, MachineError, type MachineOptions } from './pc';
export { ENGINE_STAGES, type EngineStages } from './engine/generated-code';
export type * from './machine';
export { CPU_MODELS, type CpuModel } from './cpu/cpuid';
export { CpuModelError, parseCpuModel } from './cpu/model-name';
export { isCanonical, linearAddressBits, widestAddressBits } from './cpu/canonical';
export type { Cpu } from './cpu/cpu';
export { GuestException, Vector } from './cpu/exceptions';
export { AccessRights, Cr0, Cr4, CpuState, Efer, Flag, SegmentRegister, STATUS_FLAGS } from './cpu/state';
export { Gpr, Seg } from './isa/instruction';
export type { Instruction, Operand } from './isa/instruction';
export { decode, type CodeSize, type DecodeFailure } from './isa/decoder';
export { PhysicalMemory, PAGE_BYTES } from './memory';
export { readControlRegister, writeControlRegister } from './cpu/control-registers';
export { findMsr, type MsrDescription, msrs, writeMsr } from './cpu/msr';
export { type FlatImage, loadFlat, loadImage } from './boot/flat';
export { type Image as BootImage, ImageError, type ImageSegment } from './boot/image';
export { hasMultibootHeader, loadMultiboot, type MultibootModule, type MultibootOptions } from './boot/multiboot';
