/** The floating-point operations of SSE and AVX that generated code does not carry out itself: the face of this folder. */
export { Conversion, Element, encodeOperation, FloatCode, Fused, type FloatOperation } from './operation';
export { predicateRelations, RelationBit } from './predicates';
export { FloatUnit } from './unit';
