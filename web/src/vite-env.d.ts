// Types of what Vite resolves: styles, assets, import.meta.
/// <reference types="vite/client" />
