/** Breakpoints at instructions: where they are, and whether one that was hit stops the guest. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { AdapterError, closest } from '../errors';
import { evaluationContext } from '../evaluation';
import { evaluate, evaluateCondition } from '../expressions/evaluator';
import { formatValue } from '../expressions/format';
import type { Listings } from '../listing';
import type { MachineBreakpoints } from '../machine-breakpoints';
import { hex, parseMemoryReference } from '../memory';
import { expansionChain } from '../symbols/lines';
import type { Target } from '../target';
import { logParts, parseRequest, unverified, type CodeBreakpoint } from './breakpoint';

/** Whether a hit stops, and what is shown. */
export interface HitVerdict {
  readonly ids: readonly number[];
  readonly kind: CodeBreakpoint['kind'];
  readonly hiddenExpansions: number;
}

type Answer = { readonly breakpoint?: CodeBreakpoint; readonly answer: DebugProtocol.Breakpoint };

export class CodeBreakpoints {
  /** By the group a request replaces as a whole: one source, all functions, all instructions. */
  private readonly groups = new Map<string, CodeBreakpoint[]>();

  constructor(
    private readonly target: Target,
    private readonly machine: MachineBreakpoints,
    private readonly listings: Listings,
    private readonly nextId: () => number,
    /** Shows a line to the user: log points, and conditions that fail. */
    private readonly show: (text: string, location?: CodeBreakpoint['line']) => void,
  ) {}

  /** DAP `setBreakpoints`. Lines count from 1. */
  setSource(path: string, requests: readonly DebugProtocol.SourceBreakpoint[]): DebugProtocol.Breakpoint[] {
    return this.replace(
      `source:${path}`,
      requests.map((request) => (id) => this.sourceBreakpoint(id, path, request)),
    );
  }

  /** DAP `setFunctionBreakpoints`. */
  setFunctions(requests: readonly DebugProtocol.FunctionBreakpoint[]): DebugProtocol.Breakpoint[] {
    return this.replace(
      'functions',
      requests.map((request) => (id) => {
        const va = this.functionAddress(request.name);
        return this.place({ id, kind: 'function', addresses: [va], line: undefined, ...parseRequest(request) });
      }),
    );
  }

  /** DAP `setInstructionBreakpoints`. */
  setInstructions(requests: readonly DebugProtocol.InstructionBreakpoint[]): DebugProtocol.Breakpoint[] {
    return this.replace(
      'instructions',
      requests.map((request) => (id) => {
        const va = parseMemoryReference(request.instructionReference) + BigInt(request.offset ?? 0);
        const addresses = [BigInt.asUintN(64, va)];
        return this.place({ id, kind: 'instruction', addresses, line: undefined, ...parseRequest(request) });
      }),
    );
  }

  /** Lines of a source or listing that can hold a breakpoint (DAP `breakpointLocations`). */
  locations(path: string, first: number, last: number): number[] {
    const listing = this.listings.byPath(path)?.listing;
    if (!listing) return this.target.lines.linesWithCode(path, first, last);
    return listing.instructions.map(({ line }) => line).filter((line) => line >= first && line <= last);
  }

  /** The machine stopped at `va`: which breakpoints the user wants to stop at; undefined if none. */
  hit(va: bigint): HitVerdict | undefined {
    if (!this.target.executes(va)) return undefined;
    const here = [...this.groups.values()].flat().filter(({ addresses }) => addresses.includes(va));
    const stopping = here.filter((breakpoint) => this.stops(breakpoint));
    if (stopping.length === 0) return undefined;
    return {
      ids: stopping.map(({ id }) => id),
      kind: stopping[0].kind,
      hiddenExpansions: Math.max(...stopping.map((breakpoint) => this.hiddenExpansions(breakpoint, va))),
    };
  }

  /** A step ended at `va`: log points there speak, as they would if the guest had run into them. */
  log(va: bigint): void {
    for (const breakpoint of [...this.groups.values()].flat()) {
      if (breakpoint.logMessage !== undefined && breakpoint.addresses.includes(va)) this.stops(breakpoint);
    }
  }

  private stops(breakpoint: CodeBreakpoint): boolean {
    const context = evaluationContext(this.target);
    if (breakpoint.condition) {
      try {
        if (!evaluateCondition(breakpoint.condition, context)) return false;
      } catch (error) {
        if (!(error instanceof AdapterError)) throw error;
        this.show(`Breakpoint condition "${breakpoint.condition}": ${error.message}`, breakpoint.line);
        return true;
      }
    }
    if (breakpoint.hits && !breakpoint.hits.hit()) return false;
    if (breakpoint.logMessage === undefined) return true;
    this.show(this.interpolate(breakpoint.logMessage), breakpoint.line);
    return false;
  }

  private interpolate(message: string): string {
    const context = evaluationContext(this.target);
    return logParts(message)
      .map(({ text, expression }) => {
        if (expression === undefined) return text ?? '';
        try {
          const { value, type, format } = evaluate(expression, context);
          return formatValue(value, type, format, this.target);
        } catch (error) {
          if (!(error instanceof AdapterError)) throw error;
          return `{${error.message}}`;
        }
      })
      .join('');
  }

  /** A breakpoint on a macro's call line shows that line; on a body line, the body. */
  private hiddenExpansions({ line }: CodeBreakpoint, va: bigint): number {
    const starting = this.target.lines.expansionsStartingAt(va);
    const row = this.target.lines.at(va);
    if (!line || !row || starting === 0) return starting;
    const chain = expansionChain(row.expansion);
    for (let hidden = starting; hidden > 0; hidden--) {
      if (chain[chain.length - hidden].call.line === line.line) return hidden;
    }
    return 0;
  }

  private replace(group: string, makers: readonly ((id: number) => Answer)[]): DebugProtocol.Breakpoint[] {
    for (const { addresses } of this.groups.get(group) ?? []) for (const va of addresses) this.machine.release(va);
    const kept: CodeBreakpoint[] = [];
    const answers = makers.map((make) => {
      const id = this.nextId();
      try {
        const { breakpoint, answer } = make(id);
        if (breakpoint) kept.push(breakpoint);
        return answer;
      } catch (error) {
        if (!(error instanceof AdapterError)) throw error;
        return unverified(id, error.message);
      }
    });
    for (const { addresses } of kept) for (const va of addresses) this.machine.acquire(va);
    this.groups.set(group, kept);
    return answers;
  }

  private place(breakpoint: CodeBreakpoint, answer: Partial<DebugProtocol.Breakpoint> = {}): Answer {
    const [va] = breakpoint.addresses;
    return { breakpoint, answer: { id: breakpoint.id, verified: true, instructionReference: hex(va), ...answer } };
  }

  private sourceBreakpoint(id: number, path: string, request: DebugProtocol.SourceBreakpoint): Answer {
    const found = this.resolveLine(path, request.line);
    if (!found) return { answer: unverified(id, this.whyNoCode(path, request.line)) };
    const { line, addresses } = found;
    const copies = addresses.length > 1 ? { message: `in ${addresses.length} places` } : {};
    return this.place(
      { id, kind: 'source', addresses, line: { path, line }, ...parseRequest(request) },
      { line, ...copies },
    );
  }

  private resolveLine(path: string, wanted: number): { line: number; addresses: readonly bigint[] } | undefined {
    const listing = this.listings.byPath(path)?.listing;
    if (listing) {
      const row = listing.instructionAt(wanted);
      return row && { line: row.line, addresses: [row.address] };
    }
    const line = this.target.lines.nextLineWithCode(path, wanted);
    return line === undefined ? undefined : { line, addresses: this.target.lines.addresses(path, line) };
  }

  private whyNoCode(path: string, line: number): string {
    const known = this.listings.byPath(path) !== undefined || this.target.lines.nextLineWithCode(path, 1) !== undefined;
    return known
      ? `There is no code at line ${line} or after it.`
      : 'No code of this session comes from this file: it is part of neither the program nor the kernel.';
  }

  private functionAddress(name: string): bigint {
    const symbol = this.target.symbols.functionNamed(name);
    if (symbol) return symbol.value;
    try {
      return BigInt.asUintN(64, evaluate(name, evaluationContext(this.target)).value);
    } catch (error) {
      if (!(error instanceof AdapterError)) throw error;
      const near = closest(name, this.target.symbols.names);
      throw new AdapterError(`There is no function "${name}"${near ? `; did you mean ${near}?` : '.'}`);
    }
  }
}
