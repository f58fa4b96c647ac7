/**
 * Page of the pt_regs view: the saved user registers drawn as the kernel stack they lie on. High addresses are on top, as
 * in most drawings of a stack, so that pushes fill it from top to bottom.
 */
import type { Hex, PtRegs, PtRegsResponse, PtRegsSlot } from '../../debug-adapter/protocol';
import { element, hidden } from './dom';
import { editableValue, message, send, showStates, symbolLink } from './page';
import { fullWidth } from './values';

const SLOT_BYTES = 8n;

showStates<PtRegsResponse>(
  'The user registers as the kernel saves them on its stack, slot by slot.',
  (data) => (data.available ? stack(data) : [message(data.reason)]),
  () => document.querySelector('.stack-pointer')?.scrollIntoView({ block: 'nearest' }),
);

function stack(regs: PtRegs): Node[] {
  const filled = regs.slots.filter((slot) => slot.filled).length;
  const rows = [...regs.slots].reverse().map((slot) => slotRow(slot, regs));
  return [
    element(
      'div',
      { class: 'caption', id: 'caption' },
      element('span', { class: 'event' }, regs.event),
      element(
        'span',
        { class: 'count', role: 'status' },
        regs.complete ? 'complete' : `${filled} of ${regs.slots.length} slots`,
      ),
    ),
    element(
      'div',
      { class: 'edge' },
      element('span', {}, 'high addresses'),
      element(
        'span',
        {},
        element('code', {}, fullWidth(`0x${(BigInt(regs.address) + 21n * SLOT_BYTES).toString(16)}`)),
      ),
    ),
    element('table', { class: 'stack', 'aria-describedby': 'caption' }, columns(), element('tbody', {}, ...rows)),
    element('div', { class: 'edge' }, element('span', {}, '↓ the stack grows down'), below(regs)),
  ];
}

function columns(): HTMLElement {
  return element(
    'thead',
    { class: 'visually-hidden' },
    element('tr', {}, ...['Offset', 'Register', 'Value'].map((text) => element('th', { scope: 'col' }, text))),
  );
}

function slotRow(slot: PtRegsSlot, regs: PtRegs): HTMLElement {
  const atPointer = slot.address === regs.stackPointer;
  const classes = [
    'slot',
    slot.filled ? 'filled' : 'unfilled',
    slot.changed && slot.filled ? 'changed' : '',
    atPointer ? 'stack-pointer' : '',
  ];
  return element(
    'tr',
    { class: classes.filter(Boolean).join(' '), 'data-slot': slot.name },
    element('td', { class: 'offset', title: slot.address }, `+${slot.offset.toString(16).padStart(2, '0')}`),
    element('th', { scope: 'row' }, slot.name),
    element(
      'td',
      {},
      element(
        'div',
        { class: 'detail refusable' },
        slot.filled ? savedValue(slot) : notSaved(slot),
        slot.changed && slot.filled && hidden('changed'),
        slot.filled && slot.symbol && symbolLink(slot.symbol, `slot-${slot.name}-symbol`),
        slot.filled && slot.note !== undefined && element('span', { class: 'note' }, slot.note),
        atPointer && element('span', { class: 'pointer', title: `RSP = ${regs.stackPointer}` }, '◀ RSP'),
      ),
    ),
  );
}

function savedValue(slot: PtRegsSlot): HTMLElement {
  const key = `slot-${slot.name}`;
  return editableValue(slot.value, key, slot.name, (value: Hex) =>
    send({ type: 'write-memory', key, address: slot.address, value }),
  );
}

function notSaved(slot: PtRegsSlot): HTMLElement {
  return element('span', { class: 'value', title: `Not saved yet; memory holds ${slot.value}` }, '—');
}

/** Where RSP is when it is not at one of the slots. */
function below(regs: PtRegs): HTMLElement | undefined {
  const pointer = BigInt(regs.stackPointer);
  const low = BigInt(regs.address);
  const high = low + 21n * SLOT_BYTES;
  if (pointer >= low && pointer < high) return undefined;
  const where =
    pointer === high
      ? 'RSP at the top: nothing pushed yet'
      : pointer < low && low - pointer < 0x4000n
        ? `RSP ${low - pointer} bytes further down`
        : 'RSP on another stack';
  return element('span', { class: 'pointer', title: `RSP = ${regs.stackPointer}` }, where);
}
