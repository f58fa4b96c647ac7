import assert from 'node:assert/strict';
import { cpuModel, createMachine, MachineError } from '../../../emulator';
import { CPU_MODELS, cpuid } from '../../../emulator/cpu/cpuid';
import { parseCpuModel } from '../../../emulator/cpu/model-name';

describe('CPU models by name', () => {
  it('takes a bare name as it is', () => {
    assert.equal(parseCpuModel('amd'), CPU_MODELS.amd);
  });

  it('adds and takes away features, in either case', () => {
    const model = parseCpuModel('intel,+cet-ss,+CET_IBT, -smap');
    assert.equal(model.name, 'intel,+cet-ss,+CET_IBT,-smap');
    assert.equal(model.vendor, 'intel');
    const has = (name: 'CET_SS' | 'CET_IBT' | 'SMAP' | 'SMEP'): boolean => model.features.has(name);
    assert.deepEqual([has('CET_SS'), has('CET_IBT'), has('SMAP'), has('SMEP')], [true, true, false, true]);
    assert.ok(CPU_MODELS.intel.features.has('SMAP'), 'the model it builds on is as it was');
  });

  it('brings LKGS along with FRED, and takes FRED away with LKGS', () => {
    assert.ok(parseCpuModel('intel,+fred').features.has('LKGS'));
    assert.equal(parseCpuModel('intel,+fred,-lkgs').features.has('FRED'), false);
  });

  it('shows what was added in CPUID', () => {
    const { cpu } = createMachine({ memoryBytes: 1 << 20, cpu: 'generic,+cet_ss,+cet_ibt,+fred' });
    assert.equal((cpuid(cpu, 7, 0).ecx >>> 7) & 1, 1);
    assert.equal((cpuid(cpu, 7, 0).edx >>> 20) & 1, 1);
    assert.ok(cpuid(cpu, 7, 0).eax >= 1, 'there is a subleaf 1');
    assert.equal((cpuid(cpu, 7, 1).eax >>> 17) & 3, 3);
  });

  it('says which names there are', () => {
    assert.throws(() => cpuModel('itnel'), /"itnel".*intel, amd, generic/);
    assert.throws(() => cpuModel('intel,+nothing'), /"nothing".*SMAP/);
    assert.throws(() => cpuModel('intel,smap'), /must be "\+smap" or "-smap"/);
    assert.throws(() => cpuModel(''), MachineError);
    assert.throws(() => cpuModel('intel,'), MachineError);
  });
});
