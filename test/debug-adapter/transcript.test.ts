/**
 * The whole traffic of a typical session against a golden text. `RINGSIDE_REFRESH=1 npx mocha …` writes it anew; read the
 * difference before you commit it.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { DapClient, KERNEL, lineOf, SAMPLES } from './client';

const GOLDEN = join(import.meta.dirname, 'transcripts', 'hello-syscall.txt');

/**
 * One message as a line: without sequence numbers, with paths of the samples made relative, and without what any change
 * to a sample moves: addresses, line numbers, the instruction count.
 */
function line(message: DebugProtocol.ProtocolMessage): string {
  const arrow = message.type === 'request' ? '→' : message.type === 'event' ? '← event' : '←';
  const { command, event, success, body, arguments: args } = message as unknown as Record<string, unknown>;
  const content = JSON.stringify(body ?? args ?? null, (key, value: unknown) =>
    key === 'exceptionBreakpointFilters' ? '…' : value,
  );
  const failed = success === false ? ' failed' : '';
  return `${arrow} ${String(command ?? event)}${failed} ${content}`
    .replaceAll(SAMPLES, 'samples')
    .replaceAll(/0x[0-9a-f]{5,}/g, '0x…')
    .replaceAll(/"(line|instructionCount)":\d+/g, '"$1":…')
    .replaceAll(/"ringside-listing:[^"]*\/samples/g, '"ringside-listing:samples');
}

describe('transcript', () => {
  it('should be the golden one for a walk through hello-syscall', async () => {
    const client = new DapClient();
    const entry = join(KERNEL, 'entry_64.S');
    await client.launch({ kernel: KERNEL }, async () => {
      const breakpoints = [{ line: lineOf(entry, 'pushq	$__USER_DS') }];
      await client.send('setBreakpoints', { source: { path: entry }, breakpoints });
      await client.send('setExceptionBreakpoints', { filters: [] });
    });
    await client.stopped();
    await client.send('threads', undefined);
    await client.frames();
    await client.run('continue');
    await client.frames();
    await client.scope('Flags');
    await client.run('stepIn', { granularity: 'instruction' });
    await client.send('ringside/cpu', undefined);
    await client.evaluate('$lstar');
    await assert.rejects(client.evaluate('nonsense here'));
    await client.send('setBreakpoints', { source: { path: entry }, breakpoints: [] });
    await client.run('stepOut');
    await client.frames();
    await client.send('continue', { threadId: 1 });
    await client.event('terminated');
    await client.close();
    const text = `${client.traffic.map(line).join('\n')}\n`;
    if (process.env.RINGSIDE_REFRESH || !existsSync(GOLDEN)) writeFileSync(GOLDEN, text);
    assert.equal(text, readFileSync(GOLDEN, 'utf8'));
  });
});
