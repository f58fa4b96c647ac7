/** The DAP `disassemble` request. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { ClientView } from './client-view';
import type { Debuggee } from './debuggee';
import { disassemble, type DisassembledRow } from './disassembly';
import { hex, parseMemoryReference } from './memory';

export function disassembleRequest(
  debuggee: Debuggee,
  { memoryReference, offset = 0, instructionOffset = 0, instructionCount }: DebugProtocol.DisassembleArguments,
  client: ClientView,
): DebugProtocol.DisassembleResponse['body'] {
  const va = BigInt.asUintN(64, parseMemoryReference(memoryReference) + BigInt(offset));
  const rows = disassemble(debuggee.target, va, instructionOffset, instructionCount);
  return { instructions: rows.map((row) => instruction(debuggee, row, client)) };
}

function instruction(
  { target, sources }: Debuggee,
  row: DisassembledRow,
  client: ClientView,
): DebugProtocol.DisassembledInstruction {
  const symbol = target.symbols.at(row.va);
  const located = target.lines.at(row.va);
  const place = located && sources.place(located.location, row.va);
  return {
    address: hex(row.va),
    instruction: row.text,
    ...(row.bytes.length > 0
      ? { instructionBytes: Array.from(row.bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ') }
      : {}),
    ...(symbol?.offset === 0 ? { symbol: symbol.symbol.name } : {}),
    ...(place
      ? { location: place.source, line: client.toClientLine(place.line), column: client.toClientColumn(place.column) }
      : {}),
    ...(row.valid ? {} : { presentationHint: 'invalid' as const }),
  };
}
