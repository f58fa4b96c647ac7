/** The debug adapter's face for the command line and for tests; the extension starts main.ts and takes protocol.ts. */
export { bootLinux, type BootedLinux, LINUX_ENTRIES, type LinuxBootOptions, type LinuxEntry } from './boot-linux';
export { BuildError, formatOf, type ImageFormat } from './build';
export { ConsoleLine } from './console-line';
export { defaultKernel } from './default-kernel';
export { mergeExpansions } from './diagnostics';
export { AdapterError, closest } from './errors';
export type { Image } from './image';
export { initialFileSystem, type InitialFileSystemOptions } from './initial-file-system';
export { kernelCallStack, kernelTarget } from './kernel-stack';
export { kernelCommandLine } from './linux/command-line';
export { KernelMessages } from './linux/kernel-messages';
export { loadTarget, type LoadedTarget, type TargetOptions } from './load-target';
export { parseMemorySize } from './launch-attributes';
export { msrRegister } from './msrs';
export { RealTime } from './real-time';
export { REGISTERS, registerNamed, writeRegister, type Register } from './registers';
export { bootKey, type BootInputs, resumeLinux, type ResumedLinux, type ResumeOptions } from './resume-linux';
export { explainShutdown } from './shutdown';
export {
  readSnapshot,
  type SnapshotFile,
  SnapshotFileError,
  type SnapshotFileProblem,
  writeSnapshot,
} from './snapshot-file';
export { serveStdio } from './stdio';
export {
  systemCallJourneys,
  type JourneyCall,
  type JourneyInstruction,
  type JourneyOptions,
  type JourneyPhase,
  type JourneysEnd,
  type SysretCheck,
  type SystemCallJourney,
} from './system-call-journey';
export type { Effect } from './protocol';
export type { Target } from './target';
