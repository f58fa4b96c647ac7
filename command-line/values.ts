/** Option values: numbers, addresses, sizes, assignments. */
import { UsageError } from './errors';

const NUMBER = /^(?:0x[0-9a-f]+|[0-9]+)$/i;

/** An address or register value: decimal, or hexadecimal with 0x. */
export function parseNumber(option: string, text: string): bigint {
  if (!NUMBER.test(text)) {
    throw new UsageError(
      `${option}: "${text}" is not a number.`,
      'Write it in decimal or as 0x and hexadecimal digits.',
    );
  }
  return parseWithin64Bits(option, text);
}

function parseWithin64Bits(option: string, text: string): bigint {
  const value = BigInt(text);
  if (value >> 64n) throw new UsageError(`${option}: ${text} does not fit 64 bits.`);
  return value;
}

/** A count of instructions. */
export function parseCount(option: string, text: string): number {
  const count = Number(parseNumber(option, text));
  if (!Number.isSafeInteger(count)) throw new UsageError(`${option}: ${text} is more than this program can count to.`);
  return count;
}

/** One of a few words. */
export function parseChoice<Choice extends string>(option: string, text: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((each) => each === text);
  if (choice === undefined)
    throw new UsageError(`${option}: "${text}" is not known.`, `Choose one of: ${choices.join(', ')}.`);
  return choice;
}

/** `NAME=VALUE`; without `=VALUE` the value is undefined. */
export function splitAssignment(text: string): { name: string; value: string | undefined } {
  const equals = text.indexOf('=');
  if (equals < 0) return { name: text, value: undefined };
  return { name: text.slice(0, equals), value: text.slice(equals + 1) };
}

/** C macros given as `NAME=VALUE`, or `NAME` for 1. */
export function definitions(given: readonly string[]): Record<string, string | true> {
  return Object.fromEntries(
    given.map((text) => {
      const { name, value } = splitAssignment(text);
      if (!/^[A-Za-z_]\w*(?:\(.*\))?$/.test(name)) throw new UsageError(`-D ${text}: "${name}" is no macro name.`);
      return [name, value ?? true];
    }),
  );
}
