import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LINUX_ENTRIES } from '../../debug-adapter';
import { CPU_MODELS, ENGINE_STAGES, PLATFORMS } from '../../emulator';

const root = join(import.meta.dirname, '..', '..');

interface Manifest {
  contributes: {
    debuggers: {
      configurationAttributes: {
        launch: { properties: Record<string, { enum?: string[]; anyOf?: { enum?: string[]; pattern?: string }[] }> };
      };
    }[];
    languages: { id: string; configuration: string }[];
    grammars: { language: string; path: string }[];
    breakpoints: { language: string }[];
    views: { debug: { id: string; name: string }[] };
  };
}
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;

describe('the extension manifest', () => {
  it('offers exactly the CPU models there are', () => {
    const { cpu } = manifest.contributes.debuggers[0].configurationAttributes.launch.properties;
    const [names, withFeatures] = cpu.anyOf ?? [];
    assert.deepEqual([...(names.enum ?? [])].sort(), Object.keys(CPU_MODELS).sort());
    for (const name of Object.keys(CPU_MODELS)) assert.match(`${name},+fred`, new RegExp(withFeatures.pattern ?? ''));
  });

  it('offers exactly the engines, platforms and entries of Linux there are', () => {
    const { engine, platform, entry } = manifest.contributes.debuggers[0].configurationAttributes.launch.properties;
    assert.deepEqual([engine.enum, platform.enum, entry.enum], [ENGINE_STAGES, PLATFORMS, LINUX_ENTRIES]);
  });

  it('gives each of its languages breakpoints and a grammar that exists', () => {
    for (const { id, configuration } of manifest.contributes.languages) {
      assert.ok(
        manifest.contributes.breakpoints.some(({ language }) => language === id),
        id,
      );
      const grammar = manifest.contributes.grammars.find(({ language }) => language === id);
      assert.ok(grammar, id);
      for (const path of [grammar.path, configuration]) JSON.parse(readFileSync(join(root, path), 'utf8'));
    }
  });
});
