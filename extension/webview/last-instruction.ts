/** Page of the Last Instruction view: what one instruction changed, and where each new value came from. */
import type { Effect, ExecutedInstruction } from '../../debug-adapter/protocol';
import { element } from './dom';
import type { LastInstructionData } from './messages';
import { message, showStates } from './page';

showStates<LastInstructionData>(
  'What the instruction executed last has changed, and from where each value came.',
  ({ last }) =>
    last
      ? [executed(last)]
      : [message('Step by instruction (Alt+F11), or through a system call, to see what it changes.')],
);

function executed(last: ExecutedInstruction): HTMLElement {
  return element(
    'section',
    { 'aria-label': 'Instruction executed last' },
    element('div', { class: 'caption' }, element('code', { class: 'event', title: `at ${last.address}` }, last.text)),
    last.effects.length > 0
      ? element('ul', { class: 'effects' }, ...last.effects.map(effect))
      : message('It changed nothing but RIP.'),
  );
}

function effect({ target, before, after, source }: Effect): HTMLElement {
  return element(
    'li',
    { class: 'effect', 'data-target': target },
    element('span', { class: 'name' }, target),
    element(
      'div',
      { class: 'change' },
      element(
        'div',
        { class: 'transition' },
        element('code', { class: 'before', 'aria-label': 'before' }, before),
        element(
          'span',
          { class: 'becomes' },
          element('span', { class: 'arrow', 'aria-label': 'becomes' }, '→'),
          element('code', { class: 'after' }, after),
        ),
      ),
      source !== '' && element('div', { class: 'source' }, `from ${source}`),
    ),
  );
}
