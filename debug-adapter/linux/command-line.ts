/** The command line of a Linux kernel (Documentation/admin-guide/kernel-parameters.rst of the kernel). */
import { AdapterError } from '../errors';

/** What is given to a kernel if nothing else is said; without KASLR addresses are those of the image. */
export const DEFAULT_COMMAND_LINE = 'console=ttyS0 nokaslr';

/** The command line for what the user wants appended: the kernel writes to the serial port only if it is told. */
export function kernelCommandLine(append: string | undefined): string {
  if (append === undefined) return DEFAULT_COMMAND_LINE;
  return /(?:^|\s)console=/.test(append) ? append : `console=ttyS0 ${append}`;
}

/**
 * The command line with arguments and environment for the first process: what is behind `--` becomes argv[1] and
 * following, a parameter the kernel does not know its environment. Throws AdapterError for what cannot be passed so.
 */
export function withProcessArguments(
  commandLine: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): string {
  const environment = Object.entries(env).map(([name, value]) => quoted(`${name}=${value}`));
  const given = args.length > 0 ? ['--', ...args.map(quoted)] : [];
  return [commandLine, ...environment, ...given].join(' ');
}

function quoted(text: string): string {
  if (/["\n]/.test(text)) {
    throw new AdapterError(
      `${JSON.stringify(text)} cannot be handed to a first process: it goes through the kernel's command line, which has no quotation marks and line ends in it.`,
    );
  }
  return text === '' || /\s/.test(text) ? `"${text}"` : text;
}
