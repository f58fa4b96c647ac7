/** What is typed for the user, each text after a prompt; and what to watch for in what the guest writes. */

/** Finds the appearances of a text in bytes that come one by one; they do not overlap. */
class TextWatch {
  private tail: number[] = [];

  constructor(private readonly text: Uint8Array) {}

  /** Whether the text ends with this byte. */
  see(byte: number): boolean {
    this.tail.push(byte);
    if (this.tail.length > this.text.length) this.tail.shift();
    if (this.tail.length < this.text.length || !this.tail.every((each, index) => each === this.text[index]))
      return false;
    this.tail = [];
    return true;
  }
}

/** Types one text each time the prompt has appeared once more; it is over when the prompt appears after the last. */
export class Conversation {
  over = false;
  private readonly prompt: TextWatch;
  private appearances = 0;

  constructor(
    prompt: Uint8Array,
    private readonly texts: readonly Uint8Array[],
    private readonly events: { readonly firstPrompt: () => void; readonly type: (text: Uint8Array) => void },
  ) {
    this.prompt = new TextWatch(prompt);
  }

  /** A byte the guest wrote. */
  see(byte: number): void {
    if (this.over || !this.prompt.see(byte)) return;
    if (this.appearances === 0) this.events.firstPrompt();
    const text = this.texts.at(this.appearances++);
    if (this.appearances > this.texts.length) this.over = true;
    else if (text) this.events.type(text);
  }
}

const ESCAPES: Readonly<Record<string, number>> = { n: 0x0a, r: 0x0d, t: 0x09, e: 0x1b, '\\': 0x5c };

/** The bytes of a text with \n, \r, \t, \e, \\ and \xHH in it. */
export function unescaped(text: string): Uint8Array {
  const bytes: number[] = [];
  const parts = /\\x([0-9a-f]{2})|\\([nrte\\])|([^])/giu;
  for (const [, code, letter, plain] of text.matchAll(parts)) {
    if (code !== undefined) bytes.push(Number.parseInt(code, 16));
    else if (letter !== undefined) bytes.push(ESCAPES[letter.toLowerCase()] ?? 0);
    else bytes.push(...new TextEncoder().encode(plain));
  }
  return Uint8Array.from(bytes);
}
