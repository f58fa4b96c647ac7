/** Commands and their options as data: parsed and explained from one description. */
import { parseArgs } from 'node:util';
import { UsageError } from './errors';

export interface Option {
  /** Placeholder of the option's value; an option without one is a switch. */
  readonly value?: string;
  readonly short?: string;
  /** May be given several times. */
  readonly multiple?: boolean;
  readonly help: string;
}

export type Options = Readonly<Record<string, Option>>;

/** What was given: texts for options with a value, lists for multiple ones, `true` for switches. */
export type Given<O extends Options> = {
  readonly [Name in keyof O]: O[Name]['multiple'] extends true
    ? readonly string[]
    : (O[Name]['value'] extends string ? string : true) | undefined;
};

export interface CommandDescription<O extends Options = Options> {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What follows the name in the usage line, if anything may. */
  readonly operand?: { readonly placeholder: string; readonly help: string };
  readonly options: O;
  /** Paragraphs after the options. */
  readonly notes?: readonly string[];
}

/** Parses a command's arguments. Throws UsageError. */
export function parseOptions<O extends Options>(
  command: CommandDescription<O>,
  args: readonly string[],
): { readonly operands: readonly string[]; readonly given: Given<O> } {
  const options = Object.fromEntries(
    Object.entries<Option>(command.options).map(([name, { value, short, multiple }]) => [
      name,
      {
        type: value === undefined ? ('boolean' as const) : ('string' as const),
        ...(short === undefined ? {} : { short }),
        ...(multiple === true ? { multiple, default: [] } : {}),
      },
    ]),
  );
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
    return { operands: positionals, given: values as Given<O> };
  } catch (error) {
    throw new UsageError(whatIsWrong(error, command.options), `"ringside ${command.name} --help" lists the options.`);
  }
}

/** Parses the arguments of a command that takes exactly one operand. */
export function parseOneOperand<O extends Options>(
  command: CommandDescription<O>,
  args: readonly string[],
): { readonly operand: string; readonly given: Given<O> } {
  const { operands, given } = parseOptions(command, args);
  const [operand, extra] = operands;
  const usage = `Write: ringside ${command.name} ${command.operand?.placeholder ?? ''} [options]`;
  if (operand === undefined || operand === '') {
    throw new UsageError(
      `${command.name} needs ${command.operand?.placeholder ?? ''}: ${command.operand?.help ?? ''}.`,
      usage,
    );
  }
  if (extra !== undefined)
    throw new UsageError(
      `${command.name} takes one ${command.operand?.placeholder ?? 'operand'}, but "${extra}" follows.`,
      usage,
    );
  return { operand, given };
}

function whatIsWrong(error: unknown, options: Options): string {
  if (!(error instanceof Error) || !('code' in error)) throw error;
  const name = /'(?:-\w, )?-{1,2}([^' =]+)/.exec(error.message)?.[1] ?? '';
  const written = name.length === 1 ? `-${name}` : `--${name}`;
  if (error.code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') return `There is no option ${written}.`;
  const known = Object.entries(options).find(([long, { short }]) => long === name || short === name)?.[1];
  return known?.value === undefined
    ? `${written} takes no value.`
    : `${written} needs a value: ${written} ${known.value}.`;
}

const HELP_WIDTH = 100;
const HELP_COLUMN = 28;

/** The text of `ringside COMMAND --help`. */
export function commandHelp(command: CommandDescription): string {
  const options: [string, string][] = Object.entries(command.options).map(
    ([name, { value, short, help, multiple }]) => {
      const dashes = short === undefined ? `    --${name}` : name === short ? `-${short}` : `-${short}, --${name}`;
      return [`${dashes}${value === undefined ? '' : ` ${value}`}${multiple === true ? ' …' : ''}`, help];
    },
  );
  const operand: [string, string][] = command.operand ? [[command.operand.placeholder, command.operand.help]] : [];
  return [
    `Usage: ringside ${command.name}${command.operand ? ` ${command.operand.placeholder}` : ''} [options]`,
    '',
    ...wrap(command.summary, 0),
    '',
    ...table([...operand, ...options, ['    --help', 'this text']]),
    ...(command.notes ?? []).flatMap((note) => ['', ...wrap(note, 0)]),
    '',
  ].join('\n');
}

/** Two columns, the second one wrapped. */
export function table(rows: readonly (readonly [string, string])[]): string[] {
  return rows.flatMap(([left, right]) => {
    const [first = '', ...rest] = wrap(right, HELP_COLUMN);
    const head = `  ${left}`;
    const lines = head.length < HELP_COLUMN - 1 ? [head.padEnd(HELP_COLUMN) + first.trimStart()] : [head, first];
    return [...lines, ...rest];
  });
}

/** `text` in lines of at most HELP_WIDTH, each indented; its own line ends are kept. */
function wrap(text: string, indent: number): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    const margin = ' '.repeat(indent) + (/^ */.exec(paragraph)?.[0] ?? '');
    let line = '';
    for (const word of paragraph.trim().split(' ')) {
      if (line !== '' && margin.length + line.length + 1 + word.length > HELP_WIDTH) {
        lines.push(margin + line);
        line = word;
      } else line = line === '' ? word : `${line} ${word}`;
    }
    lines.push(margin + line);
  }
  return lines;
}
