import assert from 'node:assert/strict';
import type { Pc } from '../../../emulator/pc';
import { assemble } from '../../../toolchain';
import { machineWith } from './support';

const BUFFER = 0x200000;

function bytes(text: string): Uint8Array {
  const { module, diagnostics } = assemble({ path: 'code.s', text: `${text}\n` }, {});
  const section = module?.sections.find(({ name }) => name === '.text');
  assert.ok(section, diagnostics[0]?.message);
  return section.data;
}

function runToHalt(machine: Pc): void {
  for (;;) {
    const { reason } = machine.run(1_000_000);
    if (reason === 'limit') continue;
    assert.equal(reason, 'halt');
    return;
  }
}

/**
 * Writes `functions` functions `mov $number, %eax; ret`, `spacing` bytes apart in `places` places that are used again and
 * again, calls each as soon as it is there, and adds up in RBX what they return. Between them are HLTs.
 */
function generator(functions: number, places: number, spacing: number): Uint8Array {
  return bytes(`
    mov $${BUFFER}, %edi
    mov $${places * spacing}, %ecx
    mov $0xf4, %al
    rep stosb
    xor %ebx, %ebx
    mov $1, %ecx
    mov $${BUFFER}, %edi
  again:
    movb $0xb8, (%rdi)
    mov %ecx, 1(%rdi)
    movb $0xc3, 5(%rdi)
    call *%rdi
    add %rax, %rbx
    add $${spacing}, %rdi
    cmp $${BUFFER + places * spacing}, %rdi
    jb same
    mov $${BUFFER}, %edi
  same:
    inc %ecx
    cmp $${functions}, %ecx
    jbe again
    hlt`);
}

const sumTo = (count: number): bigint => (BigInt(count) * BigInt(count + 1)) / 2n;

describe('Code without end', () => {
  it('compiled in ever new places: the oldest makes room', () => {
    const functions = 1200;
    const machine = machineWith(generator(functions, functions, 16), { engine: 'compiled' });
    const before = machine.memory.linear.buffer.byteLength;
    runToHalt(machine);
    assert.equal(machine.state.gpr[3], sumTo(functions));
    assert.ok(machine.compiledRegions <= 1024, `${machine.compiledRegions} regions`);
    assert.equal(machine.memory.linear.buffer.byteLength, before);
  });

  it('compiled in the same places: what is overwritten is taken back', () => {
    const functions = 600;
    const machine = machineWith(generator(functions, 8, 4096), { engine: 'compiled' });
    runToHalt(machine);
    assert.equal(machine.state.gpr[3], sumTo(functions));
    assert.ok(machine.compiledRegions <= 16, `${machine.compiledRegions} regions`);
  });

  it('more instructions than are kept', () => {
    // INCs, a RET behind them: at the end the first ones have been forgotten.
    const count = 1_000_000;
    const again = 1000;
    const program = `
      mov $${BUFFER}, %edi
      mov $${count}, %ecx
      mov $0xc0ff, %eax
      rep stosw
      movb $0xc3, (%rdi)
      xor %eax, %eax
      mov $${BUFFER}, %esi
      call *%rsi
      mov %eax, %ebx
      movw $0xc8ff, (%rsi)
      movb $0xc3, ${2 * again}(%rsi)
      call *%rsi
      hlt`;
    const machine = machineWith(bytes(program));
    runToHalt(machine);
    assert.equal(machine.state.gpr[3], BigInt(count));
    assert.equal(machine.state.gpr[0], BigInt(count + again - 2));
  });

  it('of ever new forms of vector instructions: their functions make room as well', function () {
    this.timeout(60_000);
    const names = [
      'pshufd',
      'pshuflw',
      'pshufhw',
      'shufps',
      'palignr',
      'pblendw',
      'blendps',
      'aeskeygenassist',
      'pclmulqdq',
    ];
    const forms = names.flatMap((name) => Array.from({ length: 256 }, (_, i) => `${name} $${i}, %xmm0, %xmm1`));
    const setUp = 'mov %cr4, %rax; or $0x600, %eax; mov %rax, %cr4; movq %rbx, %xmm0; movq %rcx, %xmm1';
    // Twice: what has made room is needed again.
    const code = bytes(
      [setUp, 'mov $2, %edx', 'again:', ...forms, 'paddq %xmm1, %xmm0', 'dec %edx', 'jnz again', 'hlt'].join('\n'),
    );
    const [stepped, whole] = [1000, 1_000_000].map((budget) => {
      const machine = machineWith(code, { engine: 'interpreter' });
      machine.state.gpr[3] = 0x0123456789abcdefn;
      machine.state.gpr[1] = 0xfedcba9876543210n;
      while (machine.run(budget).reason === 'limit');
      return Buffer.from(machine.state.extended.vectors.subarray(0, 64)).toString('hex');
    });
    assert.equal(stepped, whole);
    assert.notEqual(whole, '0'.repeat(128));
  });
});
