import assert from 'node:assert/strict';
import { CPU_MODELS, cpuid } from '../../../emulator/cpu/cpuid';
import { parseCpuModel } from '../../../emulator/cpu/model-name';
import { Gpr } from '../../../emulator/isa/instruction';
import { CODE32, execute, longModeCpu, setLevel } from './support';

function text(...words: number[]): string {
  return Buffer.from(new Uint32Array(words).buffer).toString('latin1').replace(/\0+$/, '');
}

describe('CPUID', () => {
  it('names the vendor and the brand', () => {
    for (const model of Object.values(CPU_MODELS)) {
      const cpu = longModeCpu(model.name);
      const { eax, ebx, ecx, edx } = cpuid(cpu, 0, 0);
      assert.equal(eax, 0xd);
      assert.equal(text(ebx, edx, ecx), model.vendorString);
      const brand = [2, 3, 4].flatMap((leaf) => {
        const part = cpuid(cpu, 0x80000000 + leaf, 0);
        return [part.eax, part.ebx, part.ecx, part.edx];
      });
      assert.equal(text(...brand), model.brand);
      assert.ok(model.brand.length < 48);
    }
  });

  it('encodes family, model and stepping', () => {
    assert.equal(cpuid(longModeCpu('intel'), 1, 0).eax, 0x506e3);
    assert.equal(cpuid(longModeCpu('amd'), 1, 0).eax, 0x800f11);
  });

  it('reports long mode, NX and SYSCALL; on Intel SYSCALL only to 64-bit code', () => {
    const cpu = longModeCpu('intel');
    assert.equal(cpuid(cpu, 0x80000001, 0).edx >>> 0, 0x2c100800);
    setLevel(cpu, 0, 8, CODE32);
    assert.equal(cpuid(cpu, 0x80000001, 0).edx >>> 0, 0x2c100000);
  });

  it('repeats leaf 1 bits in 8000_0001h on AMD', () => {
    const cpu = longModeCpu('amd');
    assert.notEqual(cpuid(cpu, 0x80000001, 0).edx & (1 << 15), 0, 'CMOV');
  });

  it('has MAXPHYADDR and linear width in 8000_0008h', () => {
    assert.equal(cpuid(longModeCpu(), 0x80000008, 0).eax, 0x3028);
  });

  it('beyond the last leaf: the last standard leaf on Intel, zeros on AMD', () => {
    assert.deepEqual(cpuid(longModeCpu('amd'), 0x12345, 0), { eax: 0, ebx: 0, ecx: 0, edx: 0 });
    const cpu = longModeCpu();
    assert.deepEqual(cpuid(cpu, 0x12345, 0), cpuid(cpu, 0xd, 0));
  });

  it('has the level x86-64-v2 on every model, and v3 where it is asked for', () => {
    const leaf1 = { sse3: 0, ssse3: 9, cx16: 13, sse41: 19, sse42: 20, popcnt: 23 };
    for (const name of Object.keys(CPU_MODELS)) {
      const { ecx, edx } = cpuid(longModeCpu(name), 1, 0);
      for (const [feature, bit] of Object.entries(leaf1)) assert.ok((ecx >> bit) & 1, `${name}: ${feature}`);
      for (const bit of [0, 23, 24, 25, 26]) assert.ok((edx >> bit) & 1, `${name}: leaf 1 EDX ${bit}`);
      assert.equal(ecx & (1 << 28), 0, `${name}: AVX`);
      const v3 = parseCpuModel(`${name},+x86-64-v3`);
      for (const feature of ['AVX', 'AVX2', 'BMI1', 'BMI2', 'F16C', 'FMA', 'LZCNT', 'MOVBE', 'XSAVE'] as const) {
        assert.ok(v3.features.has(feature), `${v3.name}: ${feature}`);
      }
    }
  });

  it('takes away with a feature whatever needs it', () => {
    const { features } = parseCpuModel('intel,+x86-64-v3,-sse2');
    for (const gone of ['SSE2', 'SSE4_2', 'AES', 'AVX', 'AVX2', 'FMA'] as const) assert.ok(!features.has(gone), gone);
    assert.ok(features.has('SSE') && features.has('XSAVE'));
  });

  it('tells the size of the XSAVE area in leaf 0Dh', () => {
    const cpu = longModeCpu('intel,+x86-64-v3');
    assert.deepEqual(cpuid(cpu, 0xd, 0), { eax: 7, ebx: 576, ecx: 832, edx: 0 });
    cpu.state.xcr0 = 7n;
    assert.equal(cpuid(cpu, 0xd, 0).ebx, 832);
    assert.equal(cpuid(cpu, 0xd, 1).eax, 0xf);
    assert.deepEqual(cpuid(cpu, 0xd, 2), { eax: 256, ebx: 576, ecx: 0, edx: 0 });
  });

  it('writes all four registers, upper halves cleared', () => {
    const cpu = longModeCpu();
    cpu.state.gpr.fill(0xffffffffffffffffn);
    cpu.state.gpr[Gpr.RAX] = 0xffffffff00000000n;
    execute(cpu, 'CPUID');
    for (const register of [Gpr.RAX, Gpr.RBX, Gpr.RCX, Gpr.RDX]) assert.ok(cpu.state.gpr[register] < 1n << 32n);
  });
});
