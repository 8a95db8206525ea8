// The state of the pipe, asked every few seconds.
import { api } from '../../api';
import type { PipeStatus } from './status';
import { usePolled } from './usePolled';

const EVERY_MS = 2000;

export const useStatus = () => usePolled(() => api.status() as Promise<PipeStatus>, EVERY_MS);
