/** Conditions of breakpoints: expressions that must not change the guest. */
import { ExpressionError } from './errors';
import { parseExpression, type Expression } from './parser';

/** The expression of a condition. Throws ExpressionError if the text is none, or an assignment. */
export function parseCondition(text: string): Expression {
  const { expression } = parseExpression(text);
  if (expression.kind === 'assignment') {
    throw new ExpressionError('a condition must not change anything: compare with ==', expression.at);
  }
  return expression;
}

/** The names of an expression that are written without $ or %. */
export function bareNames(expression: Expression): string[] {
  switch (expression.kind) {
    case 'number':
      return [];
    case 'name':
      return expression.sigil ? [] : [expression.name];
    case 'segment':
      return bareNames(expression.displacement);
    case 'unary':
    case 'cast':
      return bareNames(expression.operand);
    case 'binary':
      return [...bareNames(expression.left), ...bareNames(expression.right)];
    case 'index':
      return [...bareNames(expression.base), ...bareNames(expression.index)];
    case 'conditional':
      return [expression.test, expression.yes, expression.no].flatMap(bareNames);
    case 'assignment':
      return [...bareNames(expression.target), ...bareNames(expression.value)];
  }
}
