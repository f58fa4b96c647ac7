/**
 * The process whose memory is measured: runs a multiboot image for so many seconds and tells, a line at a time, how much
 * is resident, in MB. Arguments: image, MB of guest memory, seconds.
 */
import { readFileSync } from 'node:fs';
import { collectEarly } from '../debug-adapter/process-memory';
import { createMachine, loadMultiboot } from '../emulator';

const [image, megabytes, seconds] = process.argv.slice(2);
/** Between two figures, in milliseconds. */
const INTERVAL = 1000;

collectEarly();
const machine = createMachine({ memoryBytes: Number(megabytes) << 20 });
loadMultiboot(machine.cpu, readFileSync(image), undefined);
const start = performance.now();
let told = start;

/** Gives the event loop its turns, as every user of the machine does. */
function slice(): void {
  const stop = machine.run(5_000_000);
  if (stop.reason !== 'limit') throw new Error(`the program ended with ${stop.reason}`);
  const now = performance.now();
  if (now - told >= INTERVAL) {
    told = now;
    const rss = process.memoryUsage.rss() / 2 ** 20;
    console.log(`${rss.toFixed(0)} ${machine.compiledRegions} ${machine.instructionCount}`);
  }
  if (now - start < Number(seconds) * 1000) setImmediate(slice);
}

slice();
