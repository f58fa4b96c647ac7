/** A few lines instead of a framework: build elements, and replace a page's content without losing place or focus. */

type Child = Node | string | undefined | false;

/** Attributes and listeners: `onclick: f` listens, `class`, `title`, `aria-…`, `data-…` set; undefined and false leave out. */
type Attributes = Record<string, string | number | boolean | undefined | ((event: Event) => void)>;

export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') node.addEventListener(name.replace(/^on/, ''), value);
    else if (value === true) node.setAttribute(name, '');
    else if (value !== undefined && value !== false) node.setAttribute(name, String(value));
  }
  node.append(...children.filter((child): child is Node | string => child !== undefined && child !== false));
  return node;
}

/** Words for screen readers where sighted users see a colour or a position. */
export function hidden(text: string): HTMLElement {
  return element('span', { class: 'visually-hidden' }, text);
}

/** Replaces the page; the element with the same `data-key` gets the focus back, and the scroll position stays. */
export function replacePage(...children: Child[]): void {
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.key : undefined;
  const { scrollTop } = document.documentElement;
  document.body.replaceChildren(...children.filter((child): child is Node | string => Boolean(child)));
  document.documentElement.scrollTop = scrollTop;
  if (focused)
    document.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}
