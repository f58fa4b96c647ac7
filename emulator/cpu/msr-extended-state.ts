/** IA32_XSS: supervisor state components that XSAVES and XRSTORS manage (SDM vol. 1, section 13.4). */
import { flag, generalProtection, type MsrDescription, withFeature } from './msr-description';
import { supervisorComponents } from './xsave';

export const extendedSupervisorState: MsrDescription = {
  number: 0xda0,
  name: 'IA32_XSS',
  linuxName: 'MSR_IA32_XSS',
  group: 'processor',
  meaning: 'Supervisor state components saved by XSAVES',
  content: 'fields',
  fields: [
    flag('CET_U', 11, 'user shadow-stack and branch-tracking state'),
    flag('CET_S', 12, 'supervisor shadow-stack pointers'),
  ],
  available: withFeature('XSAVES'),
  read: (cpu) => cpu.state.xss,
  write(cpu, value) {
    if (value & ~supervisorComponents(cpu.model)) generalProtection();
    cpu.state.xss = value;
  },
};
