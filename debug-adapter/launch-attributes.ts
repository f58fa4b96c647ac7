/** Checks the attributes of a launch configuration; what is wrong with them is told by name. */
import { ENGINE_STAGES, PLATFORMS } from '../emulator';
import { LINUX_ENTRIES } from './boot-linux';
import { AdapterError, closest } from './errors';
import type { LaunchAttributes } from './protocol';

type Check = (value: unknown) => string | undefined;

const isText: Check = (value) => (typeof value === 'string' ? undefined : 'must be a text');
const isFlag: Check = (value) => (typeof value === 'boolean' ? undefined : 'must be true or false');
const isTexts: Check = (value) =>
  Array.isArray(value) && value.every((each) => typeof each === 'string') ? undefined : 'must be a list of texts';
const isEnvironment: Check = (value) =>
  typeof value === 'object' && value !== null && Object.values(value).every((each) => typeof each === 'string')
    ? undefined
    : 'must be an object of texts, such as { "HOME": "/" }';
const isNonEmpty: Check = (value) =>
  typeof value === 'string' && value !== '' ? undefined : 'must be the path of an assembly source or an image';

const isPath: Check = (value) =>
  typeof value === 'string' && value !== '' ? undefined : 'must be the path of a file or folder';
function isOneOf(choices: readonly string[]): Check {
  return (value) =>
    choices.some((choice) => choice === value)
      ? undefined
      : `must be one of ${choices.map((choice) => `"${choice}"`).join(', ')}`;
}

const CHECKS: Readonly<Record<keyof LaunchAttributes, Check>> = {
  program: isNonEmpty,
  kernel: isText,
  stopOnEntry: isFlag,
  cpu: isText,
  initrd: isPath,
  busybox: isPath,
  append: isText,
  platform: isOneOf(PLATFORMS),
  entry: isOneOf(LINUX_ENTRIES),
  fastTime: isFlag,
  snapshot: isPath,
  engine: isOneOf(ENGINE_STAGES),
  memory: isText,
  args: isTexts,
  env: isEnvironment,
  stepIntoInterrupts: isFlag,
  serial: (value) => (value === 'console' || value === 'terminal' ? undefined : 'must be "console" or "terminal"'),
};

/** What editors add to a configuration for themselves. */
const CLIENT_ATTRIBUTES = new Set(
  (
    'type request name presentation preLaunchTask postDebugTask internalConsoleOptions debugServer noDebug ' +
    'serverReadyAction suppressMultipleSessionWarning trace cwd console'
  ).split(' '),
);

/** The attributes, checked. Throws AdapterError for one that is unknown, missing or of the wrong kind. */
export function checkLaunchAttributes(given: object): LaunchAttributes {
  const entries = Object.entries(given).filter(([name]) => !name.startsWith('_') && !CLIENT_ATTRIBUTES.has(name));
  for (const [name, value] of entries) {
    if (!isAttribute(name)) {
      const near = closest(name, Object.keys(CHECKS));
      const hint = near ? `Did you mean "${near}"?` : `Known are: ${Object.keys(CHECKS).join(', ')}.`;
      throw new AdapterError(`Unknown launch attribute "${name}". ${hint}`);
    }
    const wrong = CHECKS[name](value);
    if (wrong) throw new AdapterError(`Launch attribute "${name}" ${wrong}, not ${JSON.stringify(value)}.`);
  }
  const attributes: LaunchAttributes = Object.fromEntries(entries);
  if (attributes.program === undefined && !attributes.kernel) {
    throw new AdapterError(
      'Launch attribute "program" is missing: name the assembly source or image to run, or as "kernel" a Linux kernel to boot.',
    );
  }
  return attributes;
}

function isAttribute(name: string): name is keyof LaunchAttributes {
  return Object.hasOwn(CHECKS, name);
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** Bytes of a size such as `64M`, `65536K`, `1G` or a plain number of bytes. */
export function parseMemorySize(text: string): number {
  const match = /^\s*(\d+)\s*([KMG]?)i?B?\s*$/i.exec(text);
  if (!match) throw new AdapterError(`"${text}" is no memory size. Write a number with K, M or G, such as 64M.`);
  return Number(match[1]) * UNITS[match[2].toUpperCase()];
}
