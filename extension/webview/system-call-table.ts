/** Page of the System-Call Table view: sys_call_table with the row in progress, filter, breakpoints and ways to handlers. */
import type { SyscallRow } from '../../debug-adapter/protocol';
import { element, hidden } from './dom';
import type { SystemCallTableData } from './messages';
import { locationLink, message, remember, remembered, send, showStates } from './page';

const state = remembered<{ filter: string }>({ filter: '' });
/** The row last scrolled to: a refresh at the same call leaves the user's scrolling alone. */
let scrolledTo: number | undefined;

showStates<SystemCallTableData>(
  "The kernel's table of system calls, with the one in progress.",
  draw,
  ({ current }) => {
    applyFilter();
    if (current !== scrolledTo) document.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });
    scrolledTo = current;
  },
);

function draw(data: SystemCallTableData): Node[] {
  if (data.rows.length === 0)
    return [message(data.note ?? 'This kernel has no system-call table that Ringside knows.')];
  const filter = element('input', {
    type: 'search',
    class: 'filter',
    placeholder: 'Filter by number, name or handler',
    'aria-label': 'Filter by number, name or handler',
    'data-key': 'filter',
    spellcheck: 'false',
  });
  filter.value = state.filter;
  filter.addEventListener('input', () => {
    state.filter = filter.value;
    remember(state);
    applyFilter();
  });
  const breakpoints = new Set(data.breakpoints);
  return [
    element('div', { class: 'toolbar' }, filter, data.note !== undefined && element('p', { class: 'note' }, data.note)),
    element(
      'ul',
      { class: 'calls', 'aria-label': 'System calls' },
      ...data.rows.map((row) => call(row, row.number === data.current, breakpoints.has(row.handler))),
    ),
    element('p', { class: 'message nothing', role: 'status', hidden: true }, 'No system call matches.'),
  ];
}

function call(row: SyscallRow, current: boolean, hasBreakpoint: boolean): HTMLElement {
  const classes = ['call', current ? 'current' : '', row.implemented ? '' : 'absent'];
  return element(
    'li',
    {
      class: classes.filter(Boolean).join(' '),
      'aria-current': current && 'true',
      'data-search': `${row.number} ${row.name} ${row.handler}`.toLowerCase(),
      'data-call': row.name,
    },
    element('button', {
      class: 'breakpoint',
      type: 'button',
      'data-key': `break-${row.number}`,
      'aria-pressed': hasBreakpoint ? 'true' : 'false',
      'aria-label': `Break on ${row.name}`,
      title: hasBreakpoint ? `Remove the breakpoint on ${row.handler}` : `Break on this call (${row.handler})`,
      onclick: () => send({ type: 'toggle-function-breakpoint', name: row.handler }),
    }),
    element('span', { class: 'call-number' }, String(row.number)),
    element(
      'div',
      { class: 'call-body' },
      element(
        'div',
        { class: 'call-line' },
        element('span', { class: 'name' }, row.name),
        current && hidden('in progress'),
        locationLink(row.handler, row.location, `handler-${row.number}`),
      ),
      row.arguments.length > 0 && callArguments(row),
    ),
  );
}

function callArguments(row: SyscallRow): HTMLElement {
  const valued = row.arguments.some(({ value }) => value !== undefined);
  if (!valued) {
    return element(
      'div',
      { class: 'signature' },
      row.arguments.map(({ name, type }) => declaration(type, name)).join(', '),
    );
  }
  return element(
    'table',
    { class: 'arguments', 'aria-label': `Arguments of ${row.name}` },
    element(
      'tbody',
      {},
      ...row.arguments.map(({ name, type, value }) =>
        element(
          'tr',
          {},
          element('th', { scope: 'row', title: declaration(type, name) }, name),
          element('td', {}, value ?? ''),
        ),
      ),
    ),
  );
}

/** A C declaration: no space after the star of a pointer. */
function declaration(type: string, name: string): string {
  return type.endsWith('*') ? `${type}${name}` : `${type} ${name}`;
}

function applyFilter(): void {
  const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of document.querySelectorAll<HTMLElement>('.call')) {
    row.hidden = !words.every((word) => row.dataset.search?.includes(word));
    if (!row.hidden) shown++;
  }
  const nothing = document.querySelector<HTMLElement>('.nothing');
  if (nothing) nothing.hidden = shown > 0;
}
