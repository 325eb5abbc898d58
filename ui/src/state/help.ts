import { signal } from "@preact/signals";

/** The sheet of keys is open; single-key shortcuts keep still. */
export const isHelpOpen = signal(false);
