/** A system call's journey as lines for a terminal: one instruction a line, what it changed beside it. */
import { basename } from 'node:path';
import { styleText } from 'node:util';
import type { Effect, JourneyInstruction, JourneyPhase, SystemCallJourney } from '../debug-adapter';

type Style = 'title' | 'user' | 'kernel' | 'dim' | 'good' | 'bad';
type Painter = (style: Style, text: string) => string;

const COLORS = { title: 'bold', user: 'green', kernel: 'yellow', dim: 'gray', good: 'green', bad: 'red' } as const;

/** Colours text, or leaves it as it is. */
export function painter(hasColor: boolean): Painter {
  return hasColor ? (style, text) => styleText(COLORS[style], text) : (_style, text) => text;
}

const PHASES: Readonly<Record<JourneyPhase, string>> = {
  entry: 'way in',
  dispatch: 'dispatch',
  exit: 'way out',
};

/** What is longer moves the rest of its line to the right. */
const WIDEST_COLUMN = 48;

/** What stands before the effects of an instruction. */
type Columns = readonly [place: string, source: string, text: string];

export function journeyLines(journey: SystemCallJourney, paint: Painter): string[] {
  const rows = journey.instructions.map(columns);
  const widths = [0, 1, 2].map((index) =>
    Math.min(WIDEST_COLUMN, Math.max(0, ...rows.map((row) => row[index]?.length ?? 0))),
  );
  const lines = [paint('title', title(journey))];
  let phase: JourneyPhase | undefined;
  for (const [index, instruction] of journey.instructions.entries()) {
    if (instruction.phase !== phase) {
      if (phase === 'dispatch') lines.push(...calls(journey, paint));
      phase = instruction.phase;
      lines.push(`  ${PHASES[phase]}`);
    }
    lines.push(...instructionLines(instruction, rows[index] ?? ['', '', ''], widths, paint));
  }
  if (phase === 'dispatch') lines.push(...calls(journey, paint));
  return [...lines, ...outcome(journey, paint)];
}

/** `write(fd = 1, …) = 15   number 1, by SYSCALL`. */
function title({ name, number, gate, arguments: given, result }: SystemCallJourney): string {
  const call = `${name ?? `system call ${number}`}(${given.map((each) => `${each.name} = ${each.value}`).join(', ')})`;
  return `${call}${result ? ` = ${result.text}` : ''}   number ${number}, by ${gate.toUpperCase()}`;
}

function columns({ address, symbol, location, text }: JourneyInstruction): Columns {
  return [symbol ?? address, location ? `${basename(location.path)}:${location.line}` : '', text];
}

function instructionLines(
  { ring, effects }: JourneyInstruction,
  row: Columns,
  widths: readonly number[],
  paint: Painter,
): string[] {
  const [place, source, text] = row.map((column, index) => column.padEnd(widths[index] ?? 0));
  const head = `    ${paint(ring === 3 ? 'user' : 'kernel', `ring ${ring}`)}  ${place}  ${paint('dim', source)}  ${text}`;
  const margin = ' '.repeat(widths.reduce((sum, width) => sum + width, '    ring 0'.length + 3 * GAP));
  const [first, ...rest] = changes(effects, paint);
  const gap = ' '.repeat(GAP);
  return [first === undefined ? head.trimEnd() : head + gap + first, ...rest.map((change) => margin + gap + change)];
}

const GAP = 2;
const FLAG = 'RFLAGS.';

/** One text for each change; those of flags that come from the same source share one. */
function changes(effects: readonly Effect[], paint: Painter): string[] {
  const texts: string[] = [];
  const flags = new Map<string, string[]>();
  for (const { target, before, after, source } of effects) {
    const isFlag = target.startsWith(FLAG);
    const change = `${isFlag ? target.slice(FLAG.length) : target} ${before} -> ${after}`;
    if (isFlag) flags.set(source, [...(flags.get(source) ?? []), change]);
    else texts.push(change + from(source, paint));
  }
  return [...texts, ...[...flags].map(([source, list]) => `RFLAGS: ${list.join(', ')}${from(source, paint)}`)];
}

function from(source: string, paint: Painter): string {
  return source === '' ? '' : paint('dim', `  (${source})`);
}

function calls(journey: SystemCallJourney, paint: Painter): string[] {
  return journey.calls.map((call) => `    ${paint('title', call.function)}: ${call.instructions} instructions`);
}

function outcome({ result, exit }: SystemCallJourney, paint: Painter): string[] {
  if (!result) return ['  does not return'];
  const value = result.text === result.value ? result.text : `${result.text} (${result.value})`;
  return [
    `  result ${paint('title', value)}`,
    ...(exit ? [`  back to ring 3 by ${paint('title', exit.by.toUpperCase())}: ${exit.why}`] : []),
    ...(exit?.checks ?? []).map(
      ({ condition, holds, values }) =>
        paint(holds ? 'good' : 'bad', `    ${holds ? 'holds' : 'fails'}  ${condition}`) + paint('dim', `  (${values})`),
    ),
  ];
}
