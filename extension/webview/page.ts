/** What every view's page does alike: talk to the host, and show what to do when there is nothing to show. */
import type { Hex, Location, SymbolReference } from '../../debug-adapter/protocol';
import { element, replacePage } from './dom';
import type { FromPage, ToPage, ViewState } from './messages';
import { fullWidth, otherBases, parseValue } from './values';

declare function acquireVsCodeApi(): {
  postMessage(message: FromPage): void;
  getState(): unknown;
  setState(state: unknown): void;
};

const host = acquireVsCodeApi();

export function send(message: FromPage): void {
  host.postMessage(message);
}

/** What the page remembers while it is hidden, such as which rows are open. */
export function remembered<State>(initial: State): State {
  return { ...initial, ...(host.getState() as Partial<State> | undefined) };
}

export function remember(state: unknown): void {
  host.setState(state);
}

/** Shows each state the host sends: `draw` returns the elements for one while the guest is stopped. */
export function showStates<Data>(
  purpose: string,
  draw: (data: Data) => Node[],
  afterwards?: (data: Data) => void,
): void {
  window.addEventListener('message', (event: MessageEvent<ToPage<Data>>) => {
    const message = event.data;
    if (message.type === 'write-refused') {
      showRefusal(message.key, message.message);
    } else if (message.state.kind === 'stopped') {
      document.body.classList.remove('stale');
      replacePage(...draw(message.state.data));
      afterwards?.(message.state.data);
    } else {
      drawEmpty(message.state, purpose);
    }
  });
  send({ type: 'ready' });
}

function drawEmpty(state: Exclude<ViewState<unknown>, { kind: 'stopped' }>, purpose: string): void {
  switch (state.kind) {
    case 'no-session':
      replacePage(
        message(purpose, 'Open an assembly program and press F5.'),
        action('Start Debugging', () => send({ type: 'start-debugging' })),
      );
      break;
    case 'running':
      replacePage(
        message('The guest is running.', 'Pause it, or wait for a breakpoint, to see this.'),
        action('Pause', () => send({ type: 'pause' })),
      );
      break;
    case 'failed':
      replacePage(message('This cannot be shown now.', state.message));
      break;
  }
}

/** A short text in place of content. */
export function message(...paragraphs: string[]): HTMLElement {
  return element('div', { class: 'message', role: 'status' }, ...paragraphs.map((text) => element('p', {}, text)));
}

function action(label: string, onclick: () => void): HTMLElement {
  return element('button', { class: 'action', type: 'button', onclick }, label);
}

/** An address's symbol; a link where the source is known. */
export function symbolLink(symbol: SymbolReference, key: string): HTMLElement {
  const text = symbol.offset === 0 ? symbol.name : `${symbol.name}+0x${symbol.offset.toString(16)}`;
  return locationLink(text, symbol.location, key);
}

export function locationLink(text: string, location: Location | undefined, key: string): HTMLElement {
  if (!location) return element('span', { class: 'symbol', title: text }, text);
  return element(
    'button',
    {
      class: 'link symbol',
      type: 'button',
      'data-key': key,
      title: `Go to ${location.path.replace(/^.*[\\/]/, '')}:${location.line}`,
      onclick: () => send({ type: 'go-to', location }),
    },
    text,
  );
}

/**
 * A 64-bit value; where `write` is given, a button that turns into an input: Enter writes, Escape leaves it as it was.
 */
export function editableValue(value: Hex, key: string, label: string, write?: (value: Hex) => void): HTMLElement {
  const text = fullWidth(value);
  const title = otherBases(value);
  if (!write) return element('span', { class: 'value', title }, text);
  const button = element(
    'button',
    {
      class: 'value',
      type: 'button',
      'data-key': key,
      title: `${title}\n\nClick to change`,
      'aria-label': `${label}: ${value}; change`,
      onclick: edit,
    },
    text,
  );
  return button;

  function edit(): void {
    const input = element('input', {
      class: 'value-input',
      'data-key': key,
      'aria-label': `New value of ${label}`,
      spellcheck: 'false',
    });
    input.value = value;
    let ended = false;
    const end = (): void => {
      if (ended) return;
      ended = true;
      input.replaceWith(button);
      button.focus();
    };
    input.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') end();
      if (event.key !== 'Enter') return;
      // Or the button, which gets the focus, would take the key for a click.
      event.preventDefault();
      const parsed = parseValue(input.value);
      if (parsed === undefined) {
        input.setAttribute('aria-invalid', 'true');
        showRefusal(key, 'Type a number of up to 64 bits: 0x1f, 31, -1, 0b11111.');
        return;
      }
      end();
      write?.(parsed);
    });
    input.addEventListener('blur', end);
    button.replaceWith(input);
    input.select();
  }
}

/** Puts a message under the value it concerns; the next state removes it. */
function showRefusal(key: string, text: string): void {
  document.querySelector('.refusal')?.remove();
  const at = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  const note = element('div', { class: 'refusal', role: 'alert' }, text);
  (at?.closest('.refusable') ?? document.body).append(note);
}
