/** IA32_PKRS: the rights of protection keys for supervisor pages (SDM vol. 3, section 4.6.2). */
import { flag, generalProtection, type MsrDescription, type MsrField, withFeature } from './msr-description';
import { KEYS } from './protection-keys';

function fieldsOfKey(key: number): readonly MsrField[] {
  return [
    flag(`AD${key}`, 2 * key, `key ${key}: no access to supervisor pages`),
    flag(`WD${key}`, 2 * key + 1, `key ${key}: no writes to supervisor pages while CR0.WP is set`),
  ];
}

export const protectionKeyRights: MsrDescription = {
  number: 0x6e1,
  name: 'IA32_PKRS',
  linuxName: 'MSR_IA32_PKRS',
  group: 'processor',
  meaning: 'Rights by protection key for supervisor pages; in force with CR4.PKS',
  content: 'fields',
  fields: Array.from({ length: KEYS }, (_, key) => fieldsOfKey(key)).flat(),
  available: withFeature('PKS'),
  read: (cpu) => BigInt(cpu.state.pkrs),
  write(cpu, value) {
    if (value >> 32n) generalProtection();
    cpu.state.pkrs = Number(value);
    cpu.modeChanged();
  },
};
