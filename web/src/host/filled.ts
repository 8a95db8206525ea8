// The services of the host, for tests: once for all of their files, which share one process.
import { fillServices } from './services';

let filled: Promise<void> | undefined;

export const filledServices = () => (filled ??= fillServices());
