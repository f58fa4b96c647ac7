/** Page of the MSRs view: model-specific registers by group, with their named fields. */
import type { MsrField, MsrRow, MsrsResponse } from '../../debug-adapter/protocol';
import { element, hidden } from './dom';
import { editableValue, remember, remembered, send, showStates, symbolLink } from './page';

/** Numbers of the registers whose fields are shown. */
const open = new Set(remembered<{ open: number[] }>({ open: [] }).open);

showStates<MsrsResponse>(
  'The model-specific registers of the processor, with the fields that decide where a system call goes.',
  ({ msrs }) => [...groups(msrs)].map(([name, rows]) => group(name, rows)),
);

function groups(rows: readonly MsrRow[]): Map<string, MsrRow[]> {
  const byName = new Map<string, MsrRow[]>();
  for (const row of rows) byName.set(row.group, [...(byName.get(row.group) ?? []), row]);
  return byName;
}

function group(name: string, rows: readonly MsrRow[]): HTMLElement {
  return element(
    'section',
    { 'aria-label': name },
    element('h2', {}, name),
    element('ul', { class: 'rows' }, ...rows.map(register)),
  );
}

function register(row: MsrRow): HTMLElement {
  const number = row.number.toString(16);
  const key = `msr-${number}`;
  const name = element('span', { class: 'name', title: `${row.linuxName}, MSR 0x${number}` }, row.name);
  const heading = element('span', { class: 'heading' }, name, element('span', { class: 'number' }, number));
  const value = editableValue(
    row.value,
    key,
    row.name,
    row.writable ? (written) => send({ type: 'write-msr', key, number: row.number, value: written }) : undefined,
  );
  const detail = element(
    'div',
    { class: 'detail refusable' },
    value,
    row.changed && hidden('changed'),
    row.symbol && symbolLink(row.symbol, `${key}-symbol`),
  );
  return element(
    'li',
    { class: row.changed ? 'row changed' : 'row', 'data-msr': number },
    row.fields.length > 0 ? collapsible(row, heading) : element('div', { class: 'plain-heading' }, heading),
    detail,
  );
}

/** The heading as a disclosure of the fields. */
function collapsible(row: MsrRow, heading: HTMLElement): HTMLElement {
  const fields = element(
    'div',
    {},
    element('table', { class: 'fields' }, element('tbody', {}, ...row.fields.map(field))),
  );
  const details = element(
    'details',
    {
      open: open.has(row.number),
      ontoggle: () => {
        if (details.open) open.add(row.number);
        else open.delete(row.number);
        remember({ open: [...open] });
      },
    },
    element('summary', { 'data-key': `msr-${row.number}-fields`, 'aria-label': `${row.name}, fields` }, heading),
    fields,
  );
  return details;
}

function field({ name, bits: [high, low], value, meaning }: MsrField): HTMLElement {
  return element(
    'tr',
    { class: BigInt(value) === 0n ? 'zero' : undefined },
    element(
      'td',
      { class: 'bits', title: high === low ? `bit ${low}` : `bits ${high} to ${low}` },
      high === low ? `${low}` : `${high}:${low}`,
    ),
    element('th', { scope: 'row' }, name),
    element('td', { class: 'field-value' }, high === low ? `${BigInt(value)}` : value),
    element('td', { class: 'meaning' }, meaning),
  );
}
