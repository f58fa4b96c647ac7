/** The DAP `readMemory` and `writeMemory` requests. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { AdapterError } from './errors';

interface MemoryAccess {
  readLinear(va: bigint, length: number): Uint8Array;
  writeLinear(va: bigint, data: Uint8Array): number;
}

const PAGE = 4096n;
/** A client that asks for more at once gets this much and may ask again. */
const MAX_READ = 1 << 24;

/** The address in a memory reference, `0x…` or decimal. */
export function parseMemoryReference(reference: string): bigint {
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(reference)) {
    throw new AdapterError(`"${reference}" is no memory reference: give an address such as 0xffffffff81000000.`);
  }
  return BigInt.asUintN(64, BigInt(reference));
}

export function hex(value: bigint): `0x${string}` {
  return `0x${BigInt.asUintN(64, value).toString(16)}`;
}

export function readMemory(
  memory: MemoryAccess,
  { memoryReference, offset = 0, count }: DebugProtocol.ReadMemoryArguments,
): DebugProtocol.ReadMemoryResponse['body'] {
  const va = BigInt.asUintN(64, parseMemoryReference(memoryReference) + BigInt(offset));
  const length = Math.min(count, MAX_READ);
  const data = memory.readLinear(va, length);
  const body: { address: string; data?: string; unreadableBytes?: number } = { address: hex(va) };
  if (data.length > 0) body.data = Buffer.from(data).toString('base64');
  if (data.length < length) body.unreadableBytes = unreadable(memory, va + BigInt(data.length), length - data.length);
  return body;
}

/** How many bytes from `va` on cannot be read, up to `limit`. */
function unreadable(memory: MemoryAccess, va: bigint, limit: number): number {
  let bytes = 0n;
  while (bytes < BigInt(limit)) {
    bytes = ((va + bytes) / PAGE + 1n) * PAGE - va;
    if (memory.readLinear(va + bytes, 1).length > 0) break;
  }
  return Number(bytes < BigInt(limit) ? bytes : BigInt(limit));
}

export function writeMemory(
  memory: MemoryAccess,
  { memoryReference, offset = 0, allowPartial, data }: DebugProtocol.WriteMemoryArguments,
): { readonly va: bigint; readonly bytesWritten: number } {
  const va = BigInt.asUintN(64, parseMemoryReference(memoryReference) + BigInt(offset));
  const bytes = Buffer.from(data, 'base64');
  const mapped = memory.readLinear(va, bytes.length).length;
  if (mapped < bytes.length && !allowPartial) {
    throw new AdapterError(
      `Only ${mapped} of ${bytes.length} bytes at ${hex(va)} are mapped in the current address space; nothing was written.`,
    );
  }
  return { va, bytesWritten: memory.writeLinear(va, bytes.subarray(0, mapped)) };
}
