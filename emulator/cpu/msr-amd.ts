/** Registers that only AMD processors have. */
import { flag, held, type MsrDescription, onVendor } from './msr-description';

/** AMD's own registers (APM vol. 2, appendix A.2; PPR for family 17h). */
export const amdRegisters: readonly MsrDescription[] = [
  ...[0, 1, 2, 3].flatMap((index) => [
    held(
      {
        number: 0xc0010000 + index,
        name: `PerfEvtSel${index}`,
        linuxName: `MSR_K7_EVNTSEL${index}`,
        group: 'processor',
        meaning: `Selects the event that counter ${index} counts`,
      },
      { available: onVendor('amd') },
    ),
    held(
      {
        number: 0xc0010004 + index,
        name: `PerfCtr${index}`,
        linuxName: `MSR_K7_PERFCTR${index}`,
        group: 'processor',
        meaning: `Performance counter ${index}`,
      },
      { available: onVendor('amd') },
    ),
  ]),
  held(
    {
      number: 0xc0010010,
      name: 'SYS_CFG',
      linuxName: 'MSR_AMD64_SYSCFG',
      group: 'processor',
      meaning: 'System configuration',
    },
    { available: onVendor('amd') },
  ),
  held(
    {
      number: 0xc0010015,
      name: 'HWCR',
      linuxName: 'MSR_K7_HWCR',
      group: 'processor',
      meaning: 'Hardware configuration',
    },
    { available: onVendor('amd') },
  ),
  held(
    {
      number: 0xc0010055,
      name: 'IntPendMsg',
      linuxName: 'MSR_K8_INT_PENDING_MSG',
      group: 'processor',
      meaning: 'Interrupt-pending message and C1E control',
    },
    { available: onVendor('amd') },
  ),
  held(
    {
      number: 0xc0011029,
      name: 'DE_CFG',
      linuxName: 'MSR_AMD64_DE_CFG',
      group: 'speculation',
      meaning: 'Decode configuration',
    },
    { available: onVendor('amd'), fields: [flag('LfenceSerialize', 1, 'LFENCE waits for all earlier instructions')] },
  ),
];
