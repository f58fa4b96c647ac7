import { AdapterError } from '../errors';

/** An expression that cannot be read or worked out. `position` counts characters from 0. */
export class ExpressionError extends AdapterError {
  constructor(
    message: string,
    readonly position?: number,
  ) {
    super(position === undefined ? message : `${message} (at column ${position + 1})`, false);
  }
}
