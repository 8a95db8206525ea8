// The real default export of a CommonJS package; see the alias in vite.config.ts.
// @ts-expect-error: the package has no types for this path
import * as scrollbars from '../../node_modules/react-custom-scrollbars-2/lib/index.js';

export const Scrollbars = scrollbars.Scrollbars ?? scrollbars.default?.Scrollbars;
export default Scrollbars;
