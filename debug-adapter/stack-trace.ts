/** The DAP `stackTrace` request. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { ClientView } from './client-view';
import type { Debuggee } from './debuggee';
import { imageBytes } from './image';
import { hex } from './memory';
import { moduleId } from './sources';
import type { StackRow } from './stack';

export function stackTraceBody(
  debuggee: Debuggee,
  { startFrame = 0, levels = 0 }: DebugProtocol.StackTraceArguments,
  client: ClientView,
): DebugProtocol.StackTraceResponse['body'] {
  const rows = debuggee.stack;
  const end = levels > 0 ? startFrame + levels : rows.length;
  return {
    stackFrames: rows.slice(startFrame, end).map((row) => stackFrame(debuggee, row, client)),
    totalFrames: rows.length,
  };
}

function stackFrame(debuggee: Debuggee, row: StackRow, client: ClientView): DebugProtocol.StackFrame {
  if (row.hint === 'label') return { id: row.id, name: row.name, line: 0, column: 0, presentationHint: 'label' };
  const place = debuggee.sources.place(row.location, row.va);
  const image = debuggee.target.images.find((each) => imageBytes(each, row.va, 1).length > 0);
  return {
    id: row.id,
    name: row.name,
    instructionPointerReference: hex(row.va),
    ...(image ? { moduleId: moduleId(image) } : {}),
    ...(place
      ? { source: place.source, line: client.toClientLine(place.line), column: client.toClientColumn(place.column) }
      : { line: 0, column: 0 }),
  };
}
