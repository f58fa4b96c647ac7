/** Data breakpoints: DAP `dataBreakpointInfo` and `setDataBreakpoints`. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { DataBreakpoint } from '../../emulator';
import { AdapterError } from '../errors';
import { evaluationContext } from '../evaluation';
import { evaluate, evaluateCondition, type Value } from '../expressions/evaluator';
import { sizeOf } from '../expressions/types';
import { hex } from '../memory';
import type { Target } from '../target';
import { parseRequest, unverified } from './breakpoint';
import type { HitCondition } from './hit-count';

interface SetDataBreakpoint {
  readonly id: number;
  readonly inMachine: DataBreakpoint;
  readonly condition: string | undefined;
  readonly hits: HitCondition | undefined;
}

const ACCESS_TYPES: DebugProtocol.DataBreakpointAccessType[] = ['read', 'write', 'readWrite'];
const MAX_BYTES = 4096;

/** What can be watched under a name: `dataId` is address and length, so it stays valid over restarts. */
export function dataBreakpointInfo(
  target: Target,
  place: { readonly va: bigint; readonly length: number } | undefined,
  name: string,
): DebugProtocol.DataBreakpointInfoResponse['body'] {
  if (!place) return { dataId: null, description: `${name} is not in memory, so its changes cannot be watched.` };
  const symbol = target.symbolic(place.va);
  const description = `${place.length} byte${place.length === 1 ? '' : 's'} at ${hex(place.va)}${symbol ? ` <${symbol}>` : ''}`;
  return { dataId: `${hex(place.va)}:${place.length}`, description, accessTypes: ACCESS_TYPES, canPersist: true };
}

/** The memory an expression stands for: `*(u32*)p`, a symbol, or a plain address. */
function watchablePlace(
  target: Target,
  expression: string,
  result: Value,
  bytes: number | undefined,
): { va: bigint; length: number } | undefined {
  if (bytes !== undefined && (bytes < 1 || bytes > MAX_BYTES)) {
    throw new AdapterError(`${bytes} bytes cannot be watched: between 1 and ${MAX_BYTES}.`);
  }
  if (result.place && 'va' in result.place) {
    return { va: result.place.va, length: bytes ?? sizeOf(result.type) };
  }
  const symbol = target.symbols.named(expression.trim());
  if (symbol)
    return { va: symbol.value, length: bytes ?? (symbol.size > 0n && symbol.size <= 64n ? Number(symbol.size) : 8) };
  if (result.place) return undefined;
  return { va: BigInt.asUintN(64, result.value), length: bytes ?? 8 };
}

export class DataBreakpoints {
  private set: SetDataBreakpoint[] = [];

  constructor(
    private readonly target: Target,
    private readonly nextId: () => number,
    private readonly log: (text: string) => void,
  ) {}

  /** The memory `expression` names in the innermost frame, for `dataBreakpointInfo` without a variable. */
  placeOf(expression: string, bytes: number | undefined): { va: bigint; length: number } | undefined {
    return watchablePlace(this.target, expression, evaluate(expression, evaluationContext(this.target)), bytes);
  }

  setAll(requests: readonly DebugProtocol.DataBreakpoint[]): DebugProtocol.Breakpoint[] {
    const { machine } = this.target;
    for (const { inMachine } of this.set) machine.removeDataBreakpoint(inMachine);
    this.set = [];
    return requests.map((request) => {
      const id = this.nextId();
      try {
        const { condition, hits } = parseRequest(request);
        const inMachine = parseDataId(request);
        machine.addDataBreakpoint(inMachine);
        this.set.push({ id, inMachine, condition, hits });
        return { id, verified: true };
      } catch (error) {
        if (!(error instanceof AdapterError)) throw error;
        return unverified(id, error.message);
      }
    });
  }

  /** The machine stopped after an access: the ids of the breakpoints the user wants to stop at. */
  hit(breakpoint: DataBreakpoint): number[] {
    return this.set
      .filter(({ inMachine }) => inMachine.va === breakpoint.va && inMachine.length === breakpoint.length)
      .filter(({ condition, hits }) => {
        try {
          if (condition && !evaluateCondition(condition, evaluationContext(this.target))) return false;
        } catch (error) {
          if (!(error instanceof AdapterError)) throw error;
          this.log(`Data breakpoint condition "${condition ?? ''}": ${error.message}`);
        }
        return !hits || hits.hit();
      })
      .map(({ id }) => id);
  }
}

function parseDataId({ dataId, accessType }: DebugProtocol.DataBreakpoint): DataBreakpoint {
  const match = /^(0x[0-9a-f]+):(\d+)$/.exec(dataId);
  if (!match) throw new AdapterError(`"${dataId}" is no data id of this adapter: ask dataBreakpointInfo for one.`);
  return { va: BigInt(match[1]), length: Number(match[2]), access: accessType ?? 'write' };
}
