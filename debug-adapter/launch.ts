/** DAP `launch`: from checked attributes to a booted target. */
import { statSync } from 'node:fs';
import { formatOf, readText } from './build';
import { defaultKernel } from './default-kernel';
import { loadTarget, type LoadedTarget } from './load-target';
import { parseMemorySize } from './launch-attributes';
import type { LaunchAttributes } from './protocol';

/** `kernel: "none"` says the same as an empty text, for clients whose users write configurations by hand. */
const NO_KERNEL = 'none';

export function launch(
  attributes: LaunchAttributes,
  serial: (byte: number) => void,
): LoadedTarget & { readSource: typeof readText } {
  const { program, cpu, engine, memory, args, env } = attributes;
  const kernel = attributes.kernel ?? (isProgram(program) ? defaultKernel(program) : NO_KERNEL);
  const loaded = loadTarget({
    program,
    serial,
    ...(kernel && kernel !== NO_KERNEL ? { kernel } : {}),
    ...(cpu === undefined ? {} : { cpu }),
    ...(engine === undefined ? {} : { engine }),
    ...(memory === undefined ? {} : { memoryBytes: parseMemorySize(memory) }),
    ...(args ? { args } : {}),
    ...(env ? { env } : {}),
  });
  return { ...loaded, readSource: readText };
}

/** A flat image and a folder of sources, which is a kernel, run on the bare machine. */
function isProgram(path: string): boolean {
  return formatOf(path) !== 'flat' && !statSync(path).isDirectory();
}
